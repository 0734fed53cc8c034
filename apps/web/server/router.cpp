// SPDX-License-Identifier: MPL-2.0
#include "router.hpp"

#include "form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace ctms::web {
namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;

using segments = std::vector<std::string>;

/// The decoded segments of an encoded path. An encoded slash belongs to its segment.
segments split(std::string_view path) {
    segments out;
    for (;;) {
        const auto slash = std::min(path.find('/'), path.size());
        out.push_back(percent_decode(path.substr(0, slash), false));
        if (slash == path.size()) return out;
        path.remove_prefix(slash + 1);
    }
}

/// The encoded path of decoded segments.
std::string join(const segments& path) {
    std::string out;
    for (const auto& segment : path) {
        if (&segment != &path.front()) out += '/';
        for (const char c : percent_encode_path(segment)) c == '/' ? out += "%2F" : out += c;
    }
    return out;
}

/// The path parameters if `path` matches the template `pattern`, otherwise nullopt.
std::optional<parameters> match_path(std::string_view pattern, const segments& path) {
    parameters found;
    for (const auto& segment : path) {
        const auto slash = std::min(pattern.find('/'), pattern.size());
        const auto wanted = pattern.substr(0, slash);
        if (wanted.starts_with('{')) {
            if (segment.empty()) return std::nullopt;
            found.emplace_back(wanted.substr(1, wanted.size() - 2), segment);
        } else if (wanted != segment) {
            return std::nullopt;
        }
        const bool is_last = &segment == &path.back();
        if (is_last != (slash == pattern.size())) return std::nullopt;
        if (!is_last) pattern.remove_prefix(slash + 1);
    }
    return found;
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

bool path_exists(std::span<const route> routes, const segments& path) {
    return std::any_of(routes.begin(), routes.end(), [&](const route& one) { return match_path(one.path, path).has_value(); });
}

/// The encoded path with a trailing slash added or removed if such a path exists, otherwise "".
std::string redirect_of(std::span<const route> routes, segments path) {
    if (path.back().empty()) {
        while (path.size() > 1 && path.back().empty()) path.pop_back();
    } else {
        path.emplace_back();
    }
    return path_exists(routes, path) ? join(path) : std::string();
}

} // namespace

route_match find_route(std::span<const route> routes, std::string_view method, std::string_view path) {
    route_match out;
    method_list allowed;
    const auto wanted = split(path);
    for (const auto& one : routes) {
        auto parameters = match_path(one.path, wanted);
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
    if (out.allowed.empty() && path.size() > 1) out.redirect = redirect_of(routes, wanted);
    return out;
}

} // namespace ctms::web
