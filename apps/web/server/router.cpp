// SPDX-License-Identifier: MPL-2.0
#include "router.hpp"

#include <algorithm>
#include <optional>

namespace ctms::web {
namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;

/// The parameters of `path` by the template, or nullopt when it does not match.
std::optional<parameters> match_path(std::string_view pattern, std::string_view path) {
    parameters found;
    while (true) {
        const auto brace = pattern.find('{');
        if (!path.starts_with(pattern.substr(0, brace))) return std::nullopt;
        if (brace == std::string_view::npos) return path.size() == pattern.size() ? std::optional(std::move(found)) : std::nullopt;
        const auto close = pattern.find('}', brace);
        const auto end = std::min(path.find('/', brace), path.size());
        if (end == brace) return std::nullopt;
        found.emplace_back(pattern.substr(brace + 1, close - brace - 1), path.substr(brace, end - brace));
        path.remove_prefix(end);
        pattern.remove_prefix(close + 1);
    }
}

bool path_exists(std::span<const route> routes, std::string_view path) {
    return std::any_of(routes.begin(), routes.end(), [&](const route& one) { return match_path(one.path, path).has_value(); });
}

/// The same path with its slash added or taken away, if that one exists.
std::string redirect_of(std::span<const route> routes, std::string_view path) {
    std::string other(path);
    if (path.ends_with('/')) {
        other.erase(other.find_last_not_of('/') + 1);
    } else {
        other += '/';
    }
    return !other.empty() && path_exists(routes, other) ? other : std::string();
}

} // namespace

route_match find_route(std::span<const route> routes, std::string_view method, std::string_view path) {
    route_match out;
    std::vector<std::string_view> allowed;
    for (const auto& one : routes) {
        auto parameters = match_path(one.path, path);
        if (!parameters) continue;
        if (one.method == method) {
            out.found = &one;
            out.parameters = std::move(*parameters);
            return out;
        }
        if (std::find(allowed.begin(), allowed.end(), one.method) == allowed.end()) allowed.push_back(one.method);
    }
    for (const auto other : allowed) (out.allowed += out.allowed.empty() ? "" : ", ") += other;
    if (out.allowed.empty() && path.size() > 1) out.redirect = redirect_of(routes, path);
    return out;
}

} // namespace ctms::web
