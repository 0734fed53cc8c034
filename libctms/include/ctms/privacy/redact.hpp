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

/// The text with every email address that is not traced replaced by `[OMITTED]`; also addresses whose
/// `@` is percent-encoded (%40), once or twice. Errs on the side of removing. Text without an `@` comes back as it is.
[[nodiscard]] CTMS_API std::string redact_text(std::string_view text);

/// A header's value as it may be logged. `lower_case_name` decides: cookie, set-cookie, authorization,
/// proxy-authorization and x-api-key are omitted whole; all others pass redact_text.
[[nodiscard]] CTMS_API std::string redact_header(std::string_view lower_case_name, std::string_view value);

/// A decoded query parameter's value as it may be logged. Omitted whole: primary_email, fxa_primary_email,
/// client_secret, access_token, refresh_token, token, password, pubsub_client; all others pass redact_text.
[[nodiscard]] CTMS_API std::string redact_query_value(std::string_view name, std::string_view value);

/// A decoded path parameter's value as it may be logged: primary_email is omitted whole unless it is traced,
/// all others pass redact_text.
[[nodiscard]] CTMS_API std::string redact_path_value(std::string_view name, std::string_view value);

} // namespace ctms::privacy
