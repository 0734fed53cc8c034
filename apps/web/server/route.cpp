// SPDX-License-Identifier: MPL-2.0
#include "route.hpp"

namespace ctms::web {

std::string_view call::path_parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : path_parameters) {
        if (key == name) return value;
    }
    return {};
}

void handler::operator()(std::span<call> calls, const services& all, const send_early& send) const {
    if (!is_alone(calls.front().http)) return several_(calls, all, send);
    for (auto& now : calls) now.answer = one_(now, all);
}

} // namespace ctms::web
