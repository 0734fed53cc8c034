// SPDX-License-Identifier: MPL-2.0
// What reading any JSON Web Token (RFC 7519) needs, whoever signed it: its segments, their JSON, the dates in it. Knows
// no signature: callers check it before they believe the claims. Private to the library.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include "json/document.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace ctms::auth {

/// The three segments, still in base64url. Views into the token.
struct token_segments {
    std::string_view header, claims, signature;
    std::string_view signed_part; ///< header, dot, claims
};

/// nullopt without exactly two dots.
[[nodiscard]] std::optional<token_segments> split_token(std::string_view token);

/// A segment that is base64url of a JSON object in UTF-8; nullopt for any other.
[[nodiscard]] std::optional<json::document> read_object(std::string_view segment);

/// RFC 7519 lets a reader refuse names that are repeated: no two readers then see different tokens.
[[nodiscard]] bool repeats(const json::node& object, std::string_view name);

/// The text of a member that is a string and is there only once.
[[nodiscard]] std::optional<std::string_view> only_string(const json::node& object, std::string_view name);

/// Whether a header asks for this algorithm (compared exactly) and for no extension: "crit" lists those that a reader
/// must understand (RFC 7515, 4.1.11), and we understand none.
[[nodiscard]] bool asks_for(const json::node& header, std::string_view algorithm);

/// A date of RFC 7519: a finite number of seconds since 1970, maybe with a fraction.
[[nodiscard]] std::optional<double> numeric_date(const json::node& value);

[[nodiscard]] double unix_seconds(std::chrono::system_clock::time_point when);

/// Whether `now` (Unix seconds) lies between `nbf`, where there is one, and `exp`, which may be missing unless `needs_end`.
/// `skew`: seconds by which clocks may differ.
[[nodiscard]] bool is_timely(const json::node& claims, bool needs_end, double now, double skew = 0);

} // namespace ctms::auth
