// SPDX-License-Identifier: MPL-2.0
#include "blockers.hpp"

#include <fmt/core.h>

namespace ctms::persistence {

std::string describe_sessions(const rows& found) {
    std::string all;
    for (std::size_t row = 0; row < found.size(); ++row) {
        if (!all.empty()) all += ", ";
        all += fmt::format("pid {} (", found.text(row, 0));
        if (!found.text(row, 1).empty()) all += fmt::format("application `{}`, ", found.text(row, 1));
        // Another role's state and times are visible only to members of pg_read_all_stats.
        all += found.text(row, 2).empty() ? "state not visible without pg_read_all_stats" : found.text(row, 2);
        if (!found.is_null(row, 3)) all += fmt::format(", transaction open for {} s", found.text(row, 3));
        all += ')';
    }
    return all;
}

} // namespace ctms::persistence
