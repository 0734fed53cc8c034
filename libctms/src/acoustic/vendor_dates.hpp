// SPDX-License-Identifier: MPL-2.0
// Writes dates in the forms of the vendor's tables, and reads dates from free text. Pure and thread safe.
#pragma once

#include <ctms/base/time.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace ctms::acoustic {

/// "03/29/2021"; for a point in time, its day in UTC.
[[nodiscard]] std::string us_date(date day);
[[nodiscard]] std::string us_date(timestamp when);
/// "03/29/2021 18:29:18", in UTC.
[[nodiscard]] std::string us_time(timestamp when);

/// Reads the day from a text in any common form: ISO 8601, RFC 2822 and HTTP, numbers with slashes, dots or dashes (the
/// month first, unless that is impossible), months by their English names, seconds or milliseconds since 1970. A time of
/// day and a zone may follow; the day is the written one, whatever the zone. nullopt for anything else, for a day that does
/// not exist, and for texts of more than 100 bytes.
[[nodiscard]] std::optional<date> find_date(std::string_view text);

} // namespace ctms::acoustic
