// SPDX-License-Identifier: MPL-2.0
// Passes a long list of addresses to the database in parts.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact_lists.hpp>

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

/// Calls `act(addresses)` for each `size` addresses of the list, and returns the outcomes in the places of their addresses.
template <class Act>
[[nodiscard]] result<std::vector<model::bulk_outcome>> in_address_steps(std::span<const std::string> all, std::size_t size,
                                                                        const Act& act) {
    std::vector<model::bulk_outcome> out(all.size());
    for (std::size_t begin = 0; begin < all.size(); begin += size) {
        const auto step = storable_addresses(all, begin, size);
        if (step.addresses.empty()) continue;
        const auto outcomes = act(std::span<const std::string>(step.addresses));
        if (!outcomes) return outcomes.error();
        for (std::size_t i = 0; i < step.places.size(); ++i) out[step.places[i]] = outcomes->at(i);
    }
    return out;
}

} // namespace ctms::service
