// SPDX-License-Identifier: MPL-2.0
// The parameters and the responses of /changes. Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/json/updates_json.hpp>
#include <ctms/model/change.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace ctms::json {

/// Reads and checks `after`, `limit` and `include`. Returns errc::invalid in the same form as read_updates_query().
[[nodiscard]] CTMS_API result<model::changes_query> read_changes_query(const parameter_source& parameters);

/// Returns the text of a cursor, which has only characters that need no escapes in URLs and JSON.
[[nodiscard]] CTMS_API std::string write_cursor(const model::change_cursor& cursor);
/// Returns the cursor, or nullopt if write_cursor() does not make such texts.
[[nodiscard]] CTMS_API std::optional<model::change_cursor> read_change_cursor(std::string_view text);

/// Returns "created", "updated" or "deleted".
[[nodiscard]] CTMS_API std::string_view to_string(model::change_kind what) noexcept;

/// Appends a change as an object. With `with_contact`, it has the member `contact`, which is null if the contact does not exist any more.
CTMS_API void write_change(std::string& out, const model::change& change, bool with_contact);
/// Appends a page: `{"items":[...],"next":...,"more":...}`.
CTMS_API void write_changes_page(std::string& out, const model::change_page& page, bool with_contacts);

} // namespace ctms::json
