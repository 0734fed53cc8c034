// SPDX-License-Identifier: MPL-2.0
// Finds the route of a request by its path and method, or what to answer if none matches
// (404, 405 with Allow, 501, or 307 if only a trailing slash differs). Pure functions of a route table.
#pragma once

#include "route.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::web {

struct route_match {
    const route* found = nullptr;                                ///< null: see `allowed` and `redirect`; if both are empty, nothing matches
    std::vector<std::pair<std::string, std::string>> parameters; ///< decoded
    std::string allowed;        ///< the path's methods if only the method does not match; all methods for the path "*"
    std::string redirect;       ///< the path that would match, percent-encoded; begins with exactly one slash
    bool is_implemented = true; ///< false: the server does not implement the method
};

/// `path` is percent-encoded, as in a request. Each of its segments is decoded by itself, so that an encoded slash belongs to its segment.
/// `{name}` stands for a segment that is not empty. HEAD matches a GET route unless the path has
/// a separate HEAD route (RFC 9110, 9.3.2).
[[nodiscard]] route_match find_route(std::span<const route> routes, std::string_view method, std::string_view path);

} // namespace ctms::web
