// SPDX-License-Identifier: MPL-2.0
// Splits the lists in header fields of HTTP. A pure function, thread safe.
#pragma once

#include <algorithm>
#include <string_view>

namespace ctms::support {

/// Removes the next item from the front of a list and returns it without surrounding blanks.
[[nodiscard]] inline std::string_view next_item(std::string_view& list, char separator) noexcept {
    const auto end = std::min(list.find(separator), list.size());
    auto item = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
    while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
    return item;
}

} // namespace ctms::support
