// SPDX-License-Identifier: MPL-2.0
// What a client of /updates asks for: a span of time, and where in it the next page begins. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace ctms::model {

/// A point in time as a client wrote it: its offset is given back in answers.
struct CTMS_API moment {
    timestamp when;                             ///< in UTC
    std::optional<std::chrono::minutes> offset; ///< nullopt: none was written, which means UTC
};

/// The last contact of a page: the next page begins behind it.
struct CTMS_API updates_cursor {
    timestamp updated; ///< update_timestamp
    uuid email_id;     ///< tells contacts of the same time apart
};

/// All contacts with start <= update_timestamp < end, in order of (update_timestamp, email_id).
struct CTMS_API updates_query {
    moment start;                        ///< included
    moment end;                          ///< not included
    int limit = 100;                     ///< contacts on a page, 1 to 1000
    std::optional<updates_cursor> after; ///< none: the first page
    std::optional<bool> mofo_relevant;   ///< only those so marked, or only those not
};

} // namespace ctms::model
