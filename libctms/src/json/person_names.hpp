// SPDX-License-Identifier: MPL-2.0
// Finds out whether a payload that was parked, an object of Stripe or a push message of Google Pub/Sub with such objects, names a person.
// Pure, thread safe. Private to the library.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace ctms::json {

/// What names a person in objects of Stripe. Empty texts must not be added.
struct person_names {
    std::set<std::string> accounts{};  ///< Firefox accounts
    std::set<std::string> customers{}; ///< ids of customers at Stripe
    std::set<std::string> addresses{}; ///< in any case (of ASCII letters)
};

/// Returns whether the whole value of a member that identifies a person is one of the names: for addresses, of any member; for customers,
/// `customer` of any object and `id` of a customer; for accounts, `description` and the metadata of a customer. Looks into the data of a
/// message, and into objects in others. What is not JSON is searched for the names as quoted strings, wherever they stand: it can never be
/// stored, so it is better erased if in doubt.
[[nodiscard]] bool names_person(std::string_view payload, const person_names& names);

} // namespace ctms::json
