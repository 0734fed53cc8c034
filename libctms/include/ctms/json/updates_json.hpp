// SPDX-License-Identifier: MPL-2.0
// The parameters and the response of /updates. Parameters are parsed as pydantic 1 does. Cursors have the form of the Python service
// (URL-safe base64 of "email_id,YYYY-MM-DD HH:MM:SS.ffffff+00:00"), and a second time, `until`, if the end was not given. Pure functions,
// thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/updates_query.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::json {

/// Returns a decoded query parameter, or nullopt if it was not sent.
using parameter_source = std::function<std::optional<std::string>(std::string_view name)>;

/// Reads and checks all parameters. Returns errc::invalid: if some parameters cannot be parsed, all of those
/// (locations start with "query"); otherwise those out of range (bare names, as in the Python service).
[[nodiscard]] CTMS_API result<model::updates_query> read_updates_query(const parameter_source& parameters);

/// Returns the text of a cursor. `until`: that of its query.
[[nodiscard]] CTMS_API std::string write_cursor(const model::updates_cursor& cursor, const std::optional<timestamp>& until = std::nullopt);

/// Returns the time in the format of Python's isoformat, with the offset that the client wrote, if any.
[[nodiscard]] CTMS_API std::string to_iso(const model::moment& moment);

/// Returns the part of a page's response before its items: `{"start":...,"items":[`. The caller appends the items and `]}`. The
/// query must have an end. `last` is the last contact of the page, if another page may follow. `prefix` is the URL under which clients
/// reach the service.
[[nodiscard]] CTMS_API std::string updates_page_head(const model::updates_query& query, const std::optional<model::updates_cursor>& last,
                                                     std::string_view prefix);

} // namespace ctms::json
