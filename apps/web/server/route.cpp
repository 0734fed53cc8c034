// SPDX-License-Identifier: MPL-2.0
#include "route.hpp"

namespace ctms::web {

std::string_view call::path_parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : path_parameters) {
        if (key == name) return value;
    }
    return {};
}

} // namespace ctms::web
