// SPDX-License-Identifier: MPL-2.0
#include "jwt.hpp"

#include "base/base64.hpp"
#include "json/python_text.hpp"

#include <ctms/base/utf8.hpp>

#include <cmath>
#include <string>
#include <utility>
#include <variant>

namespace ctms::auth {

std::optional<token_segments> split_token(std::string_view token) {
    const std::size_t first = token.find('.');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
    return token_segments{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
                          token.substr(0, second)};
}

std::optional<json::document> read_object(std::string_view segment) {
    const std::optional<std::string> text = base64url_decode(segment);
    if (!text || !is_valid_utf8(*text)) return std::nullopt;
    auto outcome = json::document::parse(*text, {});
    auto* document = std::get_if<json::document>(&outcome);
    if (document == nullptr || document->root().type != json::kind::object) return std::nullopt;
    return std::move(*document);
}

bool repeats(const json::node& object, std::string_view name) {
    int count = 0;
    for (const json::node* member = object.first; member != nullptr; member = member->next) count += member->key == name ? 1 : 0;
    return count > 1;
}

std::optional<std::string_view> only_string(const json::node& object, std::string_view name) {
    const json::node* member = object.member(name);
    if (member == nullptr || member->type != json::kind::string || repeats(object, name)) return std::nullopt;
    return member->text;
}

bool asks_for(const json::node& header, std::string_view algorithm) {
    return only_string(header, "alg") == algorithm && header.member("crit") == nullptr;
}

std::optional<double> numeric_date(const json::node& value) {
    if (value.type != json::kind::number) return std::nullopt;
    const std::optional<double> seconds = json::python_float(value.text);
    return seconds && std::isfinite(*seconds) ? seconds : std::nullopt;
}

double unix_seconds(std::chrono::system_clock::time_point when) { return std::chrono::duration<double>(when.time_since_epoch()).count(); }

bool is_timely(const json::node& claims, bool needs_end, double now, double skew) {
    if (const json::node* end = claims.member("exp")) {
        const auto when = numeric_date(*end);
        if (!when || now - skew >= *when) return false;
    } else if (needs_end) {
        return false;
    }
    const json::node* begin = claims.member("nbf");
    if (begin == nullptr) return true;
    const auto when = numeric_date(*begin);
    return when && now + skew >= *when;
}

} // namespace ctms::auth
