// SPDX-License-Identifier: MPL-2.0
// Decides what may appear in a log: recognizes traced addresses and removes other addresses and secrets. Pure functions for UTF-8 text;
// bytes that are not UTF-8 are tolerated. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>

namespace ctms::privacy {

/// Replaces a removed value.
inline constexpr std::string_view omitted = "[OMITTED]";

/// Returns true for an address whose owner asked to be traced: it has `+trace_me_mozilla_` or `+trace-me-mozilla-` before its last `@`.
[[nodiscard]] CTMS_API bool is_traced(std::string_view email) noexcept;

/// Returns the text with `[OMITTED]` for every email address that is not traced. Also finds addresses whose `@` is percent-encoded (%40,
/// even several times), an HTML entity, or an escape of a string literal. If in doubt, it removes. Text without an `@` is returned
/// unchanged.
[[nodiscard]] CTMS_API std::string redact_text(std::string_view text);

/// Returns the name of a header or a query parameter for the log. It is omitted if it contains characters that are not allowed in names, or
/// is longer than 64 bytes.
[[nodiscard]] CTMS_API std::string redact_name(std::string_view name);

/// Returns the value of a header for the log. The case of the name does not matter. The value is omitted entirely if the name or the value
/// indicates a secret (cookie, authorization, proxy-authorization, x-api-key, names with "token", "secret" ...; `Bearer ...`,
/// `client_secret=...`). The part after a `?` is omitted and, in a URL, also the part after a `#`; a URL with an address is omitted
/// entirely. All other values pass redact_text.
[[nodiscard]] CTMS_API std::string redact_header(std::string_view name, std::string_view value);

/// Returns the value of a decoded query parameter for the log. It is omitted entirely if the name indicates an address or a secret, in any
/// spelling (primary_email, fxa_primary_email, client_secret, access_token, password, pubsub_client ...), or if the value may contain one.
/// The API's ids email_id, basket_token and mofo_email_id are not such names.
[[nodiscard]] CTMS_API std::string redact_query_value(std::string_view name, std::string_view value);

/// Returns the value of a decoded path parameter for the log. primary_email is omitted unless it is traced; other values are omitted if
/// they may contain an address or a secret.
[[nodiscard]] CTMS_API std::string redact_path_value(std::string_view name, std::string_view value);

/// Returns the path of a request without a route for the log. If it may contain an address or a secret, returns only `known` followed by
/// `/[OMITTED]`. `known` is a prefix of the path that is known to be harmless: "" or, for example, "/ctms".
[[nodiscard]] CTMS_API std::string redact_path(std::string_view path, std::string_view known);

} // namespace ctms::privacy
