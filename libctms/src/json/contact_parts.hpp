// SPDX-License-Identifier: MPL-2.0
// The parts of a contact that POST, PUT and PATCH read in the same way. Private to this folder.
#pragma once

#include "body.hpp"
#include "reader.hpp"

#include <ctms/model/contact_input.hpp>

#include <vector>

namespace ctms::json {

/// Returns the object to validate. If the body is not an object, adds the error and returns nullptr.
[[nodiscard]] const node* body_object(const body& sent, error_list& errors);

/// Reads a list of objects with `read_item(node)`. `list` must be an array.
template <class T, class ReadItem>
std::vector<model::partial<T>> read_items(const node& list, error_list& errors, ReadItem read_item) {
    std::vector<model::partial<T>> out;
    std::size_t index = 0;
    for (const auto* item = list.first; item != nullptr; item = item->next) {
        const auto place = errors.at(index++);
        if (item->type == kind::null) {
            add_null_not_allowed(errors);
        } else if (item->type != kind::object) {
            add_not_a_dict(errors);
        } else {
            out.push_back(read_item(*item));
        }
    }
    return out;
}

[[nodiscard]] model::partial<model::newsletter> read_newsletter(const node& item, error_list& errors);

/// `always_joins`: even a waitlist with `subscribed` false must have the fields that its name requires.
[[nodiscard]] model::partial<model::waitlist> read_waitlist(const node& item, bool always_joins, error_list& errors);

/// Checks that a subscription to one of Relay's newsletters has a country, in `relay` or in a waitlist named `relay`.
void check_relay_country(const std::vector<model::partial<model::newsletter>>& newsletters,
                         const std::vector<model::partial<model::waitlist>>& waitlists,
                         const model::older_field<model::relay_waitlist>& relay, error_list& errors);

void add_not_a_list(error_list& errors);

} // namespace ctms::json
