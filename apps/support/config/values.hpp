// SPDX-License-Identifier: MPL-2.0
// Parses single values; nullopt if the text is not a valid value. Thread safe; throws only std::bad_alloc.
#pragma once

#include "duration.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::config {

/// true, false, 1, 0, on, off, yes, no, t, f, y, n in any case, as pydantic reads them.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view text);

/// An integer in decimal that fits in 64 bits, optionally with a sign.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

/// A finite decimal number such as "5" or "2.5".
[[nodiscard]] std::optional<double> parse_decimal(std::string_view text);

/// IP addresses and networks (10.0.0.0/8) separated by commas, each in its usual spelling: spaces are removed, and IPv4 addresses and
/// networks that are mapped into IPv6 (::ffff:10.0.0.0/104) are returned as IPv4. An address with an interface (fe80::1%eth0) is not valid.
[[nodiscard]] std::optional<std::vector<std::string>> parse_addresses(std::string_view text);

/// True for "http://..." and "https://..." with a host and without spaces or control characters.
[[nodiscard]] bool is_http_url(std::string_view text);

/// True for "postgres://..." and "postgresql://...".
[[nodiscard]] bool is_postgres_url(std::string_view text);

/// Where errors go: the parts of a Sentry DSN, "https://KEY@HOST[:PORT][/PATH]/PROJECT"
/// (https://develop.sentry.dev/sdk/foundations/transport/authentication/). The secret of old DSNs, after the key, is not needed.
struct sentry_dsn {
    std::string url;     ///< of the server, with the path
    std::string key;     ///< the public key, which allows sending only
    std::string project; ///< the number of the project
};

/// Takes a DSN apart.
[[nodiscard]] std::optional<sentry_dsn> parse_sentry_dsn(std::string_view text);

/// Removes secrets from the URL: the password before the host, and the values of parameters whose names suggest a secret.
[[nodiscard]] std::string without_password(std::string_view url);

} // namespace ctms::config
