// SPDX-License-Identifier: MPL-2.0
// Finds the route of a request: by decoded path and method, with the answers for what does not match
// (404, 405 with Allow, 501, 307 for a slash too many or too few). Pure functions over a route table.
#pragma once

#include "route.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::web {

struct route_match {
    const route* found = nullptr; ///< null: `allowed` or `redirect` say why, or nothing matches at all
    std::vector<std::pair<std::string, std::string>> parameters;
    std::string allowed;        ///< methods of the path when only the method does not fit; all methods for the path "*"
    std::string redirect;       ///< the path that would match; begins with one slash
    bool is_implemented = true; ///< false: the server does not know the method
};

/// Matches as Starlette does: `{name}` takes one or more characters other than '/'. HEAD matches where GET does, unless it has a
/// route of its own there (RFC 9110, 9.3.2).
[[nodiscard]] route_match find_route(std::span<const route> routes, std::string_view method, std::string_view path);

} // namespace ctms::web
