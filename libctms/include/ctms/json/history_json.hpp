// SPDX-License-Identifier: MPL-2.0
// The parameters and the response of GET /ctms/{email_id}/history. Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/updates_json.hpp>
#include <ctms/model/history.hpp>

#include <string>

namespace ctms::json {

/// Reads and checks `before` and `limit`. Returns errc::invalid in the same form as read_updates_query().
[[nodiscard]] CTMS_API result<model::history_query> read_history_query(const parameter_source& parameters);

/// Appends an entry as an object: `time`, `change`, `client`, `request_id`, `changes`.
CTMS_API void write_history_entry(std::string& out, const model::history_entry& entry);

/// Appends a page: `{"email_id":...,"kept_days":...,"items":[...],"next":...}`. `kept_days`: for how many days the history is kept; 0: it
/// is not recorded.
CTMS_API void write_history_page(std::string& out, const uuid& email_id, const model::history_page& page, int kept_days);

} // namespace ctms::json
