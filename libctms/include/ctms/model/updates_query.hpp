// SPDX-License-Identifier: MPL-2.0
// What a client of /updates asks for: a span of time, and where in it the next page begins. Plain data.
#pragma once

#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace ctms::model {

/// A point in time as a client wrote it: its offset is given back in answers.
struct moment {
    timestamp when;
    std::optional<std::chrono::minutes> offset; ///< nullopt: none was written, which means UTC
};

/// The last contact of a page: the next page begins behind it.
struct updates_cursor {
    timestamp updated;
    uuid email_id;
};

/// All contacts with start <= update_timestamp < end, in order of (update_timestamp, email_id).
struct updates_query {
    moment start;
    moment end;
    int limit = 100; ///< contacts on a page, 1 to 1000
    std::optional<updates_cursor> after;
    std::optional<bool> mofo_relevant; ///< only those so marked, or only those not
};

} // namespace ctms::model
