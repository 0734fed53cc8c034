// SPDX-License-Identifier: MPL-2.0
// Which texts a database can hold: a parameter that it cannot hold would fail the whole statement. Pure functions.
#pragma once

#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::service {

/// Returns true if a text column can hold the text.
[[nodiscard]] inline bool is_storable(std::string_view text) { return is_valid_utf8(text) && text.find('\0') == std::string_view::npos; }

/// A part of a list of addresses that can be passed to the database.
struct address_step {
    std::vector<std::string> addresses; ///< the storable ones
    std::vector<std::size_t> places;    ///< their positions in the whole list
};

/// Takes the storable addresses among those from position `begin` to `begin + size`.
[[nodiscard]] inline address_step storable_addresses(std::span<const std::string> all, std::size_t begin, std::size_t size) {
    address_step out;
    for (auto place = begin; place < std::min(begin + size, all.size()); ++place) {
        if (!is_storable(all[place])) continue;
        out.addresses.push_back(all[place]);
        out.places.push_back(place);
    }
    return out;
}

} // namespace ctms::service
