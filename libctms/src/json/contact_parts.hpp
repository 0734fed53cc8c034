// SPDX-License-Identifier: MPL-2.0
// The parts of a contact that POST, PUT and PATCH read or check in the same way. Private to this folder.
#pragma once

#include "body.hpp"
#include "reader.hpp"

#include <ctms/json/contact_json.hpp>

#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace ctms::json {

inline constexpr std::array<std::string_view, 1> remove_word{"DELETE"};
inline constexpr std::array<std::string_view, 1> unsubscribe_word{"UNSUBSCRIBE"};

/// Marks input as checked. Only for functions that have checked every rule.
struct check_mark {
    [[nodiscard]] static checked<model::contact_input> on(model::contact_input&& input, purpose why) { return {std::move(input), why}; }
    [[nodiscard]] static checked<model::contact_patch> on(model::contact_patch&& patch) { return {std::move(patch), std::nullopt}; }
};

/// Returns the values of the items of a list.
template <class T>
std::vector<T> values_of(std::vector<model::partial<T>> items) {
    std::vector<T> out;
    for (auto& item : items) out.push_back(std::move(item).value());
    return out;
}

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
[[nodiscard]] model::partial<model::waitlist> read_waitlist(const node& item, bool always_joins, const contact_rules& rules,
                                                            error_list& errors);

/// Checks that the fields of a waitlist that the contact joins are those that its name requires. `fields` must be an object.
void check_waitlist_fields(std::string_view name, const node& fields, const contact_rules& rules, error_list& errors);

/// Reads a union of a literal and something else, where `given` is not the literal: calls `read(errors)` for the second branch. If that
/// finds errors, the error of the first branch, that `given` is not the literal, precedes them.
template <class Read>
void read_union(const node& given, std::span<const std::string_view> literal, error_list& errors, Read read) {
    error_list inner = errors;
    add_not_permitted(given, literal, inner);
    const auto before = inner.size();
    read(inner);
    if (inner.size() > before) errors = std::move(inner);
}

/// Checks that a subscription to one of Relay's newsletters has a country, in `relay` or in a waitlist named `relay`.
void check_relay_country(const std::vector<model::partial<model::newsletter>>& newsletters,
                         const std::vector<model::partial<model::waitlist>>& waitlists,
                         const model::older_field<model::relay_waitlist>& relay, error_list& errors);

void add_not_a_list(error_list& errors);

} // namespace ctms::json
