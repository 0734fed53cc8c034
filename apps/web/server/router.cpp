// SPDX-License-Identifier: MPL-2.0
#include "router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace ctms::web {
namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;

/// The path parameters if `path` matches the template `pattern`, otherwise nullopt.
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

/// Methods in the order in which they were added, without duplicates. Adding GET also adds HEAD.
class method_list {
public:
    void add(std::string_view method) {
        if (!contains(method)) methods_.push_back(method);
        if (method == "GET") add("HEAD");
    }
    [[nodiscard]] bool contains(std::string_view method) const {
        return std::find(methods_.begin(), methods_.end(), method) != methods_.end();
    }
    [[nodiscard]] std::string text() const { return fmt::format("{}", fmt::join(methods_, ", ")); }

private:
    std::vector<std::string_view> methods_;
};

method_list methods_of(std::span<const route> routes) {
    method_list out;
    for (const auto& one : routes) out.add(one.method);
    return out;
}

/// The methods that the server implements, whether or not a path on this port allows them (RFC 9110, 9.1).
constexpr std::array<std::string_view, 7> known_methods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

bool path_exists(std::span<const route> routes, std::string_view path) {
    return std::any_of(routes.begin(), routes.end(), [&](const route& one) { return match_path(one.path, path).has_value(); });
}

/// The path with a trailing slash added or removed if such a path exists, otherwise "".
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
    method_list allowed;
    for (const auto& one : routes) {
        auto parameters = match_path(one.path, path);
        if (!parameters) continue;
        allowed.add(one.method);
        const bool is_exact = one.method == method;
        if (!is_exact && (out.found != nullptr || method != "HEAD" || one.method != "GET")) continue;
        out.found = &one;
        out.parameters = std::move(*parameters);
        if (is_exact) return out;
    }
    if (out.found != nullptr) return out;
    out.is_implemented = std::find(known_methods.begin(), known_methods.end(), method) != known_methods.end();
    out.allowed = path == "*" ? methods_of(routes).text() : allowed.text();
    if (out.allowed.empty() && path.size() > 1) out.redirect = redirect_of(routes, path);
    return out;
}

} // namespace ctms::web
