// SPDX-License-Identifier: MPL-2.0
// Finds the parked objects of Stripe that name a person, for an erasure or an export. Reading all payloads takes a while, so they are
// searched before an erasure locks anything; its transaction checks only what was found, and what was parked since. Functions throw
// sql_error. Private to this room.
#pragma once

#include <json/person_names.hpp>
#include <persistence/postgres/connection.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// Adds what names the person of a contact: its account, its customers at Stripe, and its addresses.
void add_names(connection& db, const std::string& email_id, json::person_names& to);

/// Whether `all` has every name of `some`.
[[nodiscard]] bool includes(const json::person_names& all, const json::person_names& some);

/// Whether the payload in a column, in base64, names the person.
[[nodiscard]] bool names_person(const rows& found, std::size_t row, std::size_t column, const json::person_names& names);

/// What a search has read and found: ids of parked objects.
struct parked_search {
    std::vector<std::string> found{};
    std::vector<std::string> searched{}; ///< all of them: a lower id may become visible after a higher one
};

/// Searches the objects that `search` has not read, and adds those that name the person. A few payloads are in memory at a time.
void search_parked(connection& db, const json::person_names& names, parked_search& search);

/// Deletes those of the objects that were found which name the person, and returns how many. Works in the transaction of the caller.
[[nodiscard]] std::int64_t remove_parked(connection& db, const json::person_names& names, const parked_search& search);

} // namespace ctms::persistence
