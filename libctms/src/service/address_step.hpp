// SPDX-License-Identifier: MPL-2.0
// Passes a long list of addresses to the database in parts. Pure functions.
#pragma once

#include <base/storable.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ctms::service {

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
