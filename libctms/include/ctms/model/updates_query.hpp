// SPDX-License-Identifier: MPL-2.0
// A request of a client of /updates: a range of time, and the start of the next page. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace ctms::model {

/// A point in time as a client wrote it; responses repeat its offset.
struct CTMS_API moment {
    timestamp when;                             ///< in UTC
    std::optional<std::chrono::minutes> offset; ///< nullopt: no offset was written, which means UTC

    bool operator==(const moment&) const = default; ///< member by member
};

/// The last contact of a page: the next page starts after it.
struct CTMS_API updates_cursor {
    timestamp updated; ///< update_timestamp
    uuid email_id;     ///< distinguishes contacts with the same time

    bool operator==(const updates_cursor&) const = default; ///< member by member
};

/// All contacts with start <= update_timestamp < end, in order of (update_timestamp, email_id).
struct CTMS_API updates_query {
    moment start;                        ///< included
    std::optional<moment> end;           ///< not included; nullopt: see service::contacts::set_end
    int limit = 100;                     ///< contacts on a page, 1 to 1000
    std::optional<updates_cursor> after; ///< nullopt for the first page
    std::optional<bool> mofo_relevant;   ///< true: only relevant contacts; false: only others; nullopt: all
    std::optional<timestamp> until;      ///< contacts from `end` to this time are included too; set together with an end that was not given

    bool operator==(const updates_query&) const = default; ///< member by member
};

} // namespace ctms::model
