// SPDX-License-Identifier: MPL-2.0
#include "client_id.hpp"

#include <fmt/core.h>

#include <string_view>

namespace ctms::cli {

result<std::string> to_client_id(const std::string& name) {
    constexpr std::size_t longest = 255;
    constexpr std::string_view allowed = "-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const auto id = name.starts_with("id_") ? name : "id_" + name;
    if (name.empty() || id == "id_" || name.find_first_not_of(allowed) != std::string::npos || id.size() > longest) {
        return invalid(
            fmt::format("'{}' is not a valid client name: only letters, digits and - _ . are allowed, at most 252 characters", name));
    }
    return id;
}

} // namespace ctms::cli
