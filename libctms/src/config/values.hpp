// SPDX-License-Identifier: MPL-2.0
// How single values are spelled: text to value, and nullopt when it is none. Thread safe; throw only std::bad_alloc.
#pragma once

#include <ctms/config/duration.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::config {

/// true, false, 1, 0, on, off, yes, no, t, f, y, n in any case, as pydantic reads them.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view text);

/// A whole decimal number that fits 64 bits; a sign may stand before it.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

/// A finite decimal number such as "5" or "2.5".
[[nodiscard]] std::optional<double> parse_decimal(std::string_view text);

/// IP addresses and networks (10.0.0.0/8) separated by commas; blanks around them are dropped.
[[nodiscard]] std::optional<std::vector<std::string>> parse_addresses(std::string_view text);

/// True for "http://..." and "https://..." with a host and without blanks or control characters.
[[nodiscard]] bool is_http_url(std::string_view text);

/// True for "postgres://..." and "postgresql://...".
[[nodiscard]] bool is_postgres_url(std::string_view text);

/// The URL without what is secret in it: the password before the host, and the values of parameters named like one.
[[nodiscard]] std::string without_password(std::string_view url);

} // namespace ctms::config
