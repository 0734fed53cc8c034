// SPDX-License-Identifier: MPL-2.0
// Statements on lists of addresses: how an address of the list finds contacts, and how the results come back.
#pragma once

#include "connection.hpp"

#include <ctms/model/contact_lists.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace ctms::persistence {

// $1: the addresses as JSON. `form` has each address with its place in the list, from 1, in lower case as in the index, and
// in the composed and decomposed forms of Unicode: the same address may be stored in either.
inline constexpr std::string_view with_address_forms = R"(
with given as materialized (select value, place from json_array_elements_text($1::json) with ordinality as r(value, place)),
form as materialized (
  select given.value, given.place, f.address from given, lateral (
    select lower(value) as address
    union select lower(normalize(value, NFC)) where value ~ '[^ -~]'
    union select lower(normalize(value, NFD)) where value ~ '[^ -~]') f))";

/// Reads rows of: place from 1, contacts changed, contacts already so, contacts whose stored address is written differently, contacts that
/// stay because of a legal hold.
/// Places without a row have no contacts.
inline std::vector<model::bulk_outcome> outcomes_of(const rows& found, std::size_t count) {
    std::vector<model::bulk_outcome> out(count);
    for (std::size_t row = 0; row < found.size(); ++row) {
        out.at(static_cast<std::size_t>(found.integer(row, 0)) - 1) = {found.integer(row, 1), found.integer(row, 2), found.integer(row, 3),
                                                                       found.integer(row, 4)};
    }
    return out;
}

} // namespace ctms::persistence
