// SPDX-License-Identifier: MPL-2.0
// The history of a contact: who changed it, when, and which fields. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/change.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ctms::model {

/// A change of a contact.
struct CTMS_API history_entry {
    std::int64_t id = 0;                     ///< increases with each change of the contact
    timestamp when;                          ///< when it was made, by the clock of the database
    change_kind what = change_kind::updated; ///< what happened
    std::optional<std::string> client;       ///< an API client, or a command or program of ours; nullopt: another program, or unknown
    std::optional<std::string> request_id;   ///< the request that made the change; nullopt if there was none
    /// A JSON array of the fields that changed, in the form of GET /ctms/{email_id}/history; nullopt: another program made the change, so
    /// only that there was one is known.
    std::optional<std::string> changes;
};

/// What a reader asks for.
struct CTMS_API history_query {
    std::optional<std::int64_t> before; ///< the id of the last entry of the page before; nullopt: from the newest
    int limit = 100;                    ///< entries on a page, 1 to 1000
};

/// A part of a history, the last recorded change first.
struct CTMS_API history_page {
    std::vector<history_entry> items; ///< fewer than asked for if they are large
    std::optional<std::int64_t> next; ///< `before` of the next page; nullopt: there is none
};

} // namespace ctms::model
