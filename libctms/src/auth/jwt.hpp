// SPDX-License-Identifier: MPL-2.0
// Reads the parts that all JSON Web Tokens (RFC 7519) share: the segments, their JSON, and dates. Does not check the
// signature; callers must do that before they trust the claims. Private to the library.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include "json/document.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace ctms::auth {

/// The three segments, still in base64url, as views into the token.
struct token_segments {
    std::string_view header, claims, signature;
    std::string_view signed_part; ///< header, dot, claims
};

/// nullopt unless the token contains exactly two dots.
[[nodiscard]] std::optional<token_segments> split_token(std::string_view token);

/// Decodes a segment; nullopt unless it is a JSON object in UTF-8, encoded as base64url.
[[nodiscard]] std::optional<json::document> read_object(std::string_view segment);

/// Whether a name is repeated. RFC 7519 lets a reader refuse that, so that two readers never see different claims.
[[nodiscard]] bool repeats(const json::node& object, std::string_view name);

/// The value of a member; nullopt unless it is a string and not repeated.
[[nodiscard]] std::optional<std::string_view> only_string(const json::node& object, std::string_view name);

/// Whether a header specifies this algorithm (compared exactly) and no extension: "crit" lists extensions that a reader
/// must understand (RFC 7515, 4.1.11), and this one understands none.
[[nodiscard]] bool asks_for(const json::node& header, std::string_view algorithm);

/// A NumericDate of RFC 7519: a finite number of seconds since 1970, possibly with a fraction.
[[nodiscard]] std::optional<double> numeric_date(const json::node& value);

[[nodiscard]] double unix_seconds(std::chrono::system_clock::time_point when);

/// Whether `now` (Unix seconds) is between `nbf`, if present, and `exp`, which may be missing unless `needs_end`.
/// `skew`: by how many seconds clocks may differ.
[[nodiscard]] bool is_timely(const json::node& claims, bool needs_end, double now, double skew = 0);

} // namespace ctms::auth
