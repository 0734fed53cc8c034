// SPDX-License-Identifier: MPL-2.0
// The parameters and the answer of /updates. Parameters are read as pydantic 1 reads them, cursors in the form of the
// reference (URL-safe base64 of "email_id,YYYY-MM-DD HH:MM:SS.ffffff+00:00"). Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/updates_query.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::json {

/// Looks up a decoded query parameter: nullopt when it was not sent.
using parameter_source = std::function<std::optional<std::string>(std::string_view name)>;

/// Reads and checks all parameters. `now` stands for a blank end. errc::invalid: first every parameter that cannot be
/// read (locations begin with "query"); else those out of range (bare names, as the reference answers).
[[nodiscard]] CTMS_API result<model::updates_query> read_updates_query(const parameter_source& parameters, timestamp now);

/// The cursor's text.
[[nodiscard]] CTMS_API std::string write_cursor(const model::updates_cursor& cursor);

/// Python's isoformat with the offset that was written, or none.
[[nodiscard]] CTMS_API std::string to_iso(const model::moment& moment);

/// Everything of a page's answer that stands before its items: `{"start":...,"items":[`. What is to be appended behind
/// them is `]}`. `last` is the page's last contact when another page may follow; `prefix`: the URL under which clients
/// reach the service.
[[nodiscard]] CTMS_API std::string updates_page_head(const model::updates_query& query, const std::optional<model::updates_cursor>& last,
                                                     std::string_view prefix);

} // namespace ctms::json
