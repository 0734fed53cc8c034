// SPDX-License-Identifier: MPL-2.0
// What may stand in a log and what may not: the trace pattern, and the removal of addresses and secrets.
// Pure functions over UTF-8 text (bytes that are not UTF-8 are tolerated and never make them fail).
// Thread safe; throw only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>

namespace ctms::privacy {

/// What stands in place of a removed value.
inline constexpr std::string_view omitted = "[OMITTED]";

/// True for an address whose owner asked to be traced: `+trace_me_mozilla_` or `+trace-me-mozilla-`
/// before its last `@`.
[[nodiscard]] CTMS_API bool is_traced(std::string_view email) noexcept;

/// The text with every email address that is not traced replaced by `[OMITTED]`; also addresses whose `@` is percent-encoded (%40),
/// also several times, an HTML entity, or an escape of a string literal. Errs on the side of removing. Text without an `@` comes back
/// as it is.
[[nodiscard]] CTMS_API std::string redact_text(std::string_view text);

/// The name of a header or a query parameter as it may be logged: omitted when it has characters that names do not have, or more
/// than 64 bytes.
[[nodiscard]] CTMS_API std::string redact_name(std::string_view name);

/// A header's value as it may be logged. Omitted whole where the name or the value tells of a secret (cookie, authorization,
/// proxy-authorization, x-api-key, names with "token", "secret" ...; `Bearer ...`, `client_secret=...`). What follows a `?` is
/// omitted, and in a URL also what follows a `#`; a URL with an address is omitted whole. All others pass redact_text.
[[nodiscard]] CTMS_API std::string redact_header(std::string_view lower_case_name, std::string_view value);

/// A decoded query parameter's value as it may be logged. Omitted whole: values of names that tell of an address or a secret, in
/// any spelling (primary_email, fxa_primary_email, client_secret, access_token, password, pubsub_client ...), and values that may
/// hold one themselves. email_id, basket_token and mofo_email_id, ids of the API, are not such names.
[[nodiscard]] CTMS_API std::string redact_query_value(std::string_view name, std::string_view value);

/// A decoded path parameter's value as it may be logged: primary_email is omitted whole unless it is traced, all others when they
/// may hold an address or a secret.
[[nodiscard]] CTMS_API std::string redact_path_value(std::string_view name, std::string_view value);

/// The path of a request that has no route, as it may be logged: when it may hold an address or a secret, `known` alone, with
/// `/[OMITTED]`. `known`: a beginning of the path that is known to be harmless, "" or such as "/ctms".
[[nodiscard]] CTMS_API std::string redact_path(std::string_view path, std::string_view known);

} // namespace ctms::privacy
