// SPDX-License-Identifier: MPL-2.0
// What a caller sends to create, replace or change a contact. The service, which knows the stored contact, decides what it means, and
// checks the values (json::check). Not thread safe: an object belongs to one thread at a time. Throws only std::bad_alloc, except
// where stated.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/contact.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// For model::partial only; defined in src/fields/field_bits.hpp, beside the tables.
namespace ctms::fields {

/// True for the type of a member that a caller can set; the database sets the times of a row.
template <class Member>
inline constexpr bool is_settable = !std::is_same_v<Member, std::optional<timestamp>>;

/// Returns the bit of a field. Throws std::invalid_argument if the table does not have the member.
template <class T, class Member>
[[nodiscard]] CTMS_API std::uint32_t field_bit(Member T::*member);

/// Resets the members of `value` that cannot be set, and returns the bits of all others.
template <class T>
[[nodiscard]] CTMS_API std::uint32_t keep_settable(T& value);

} // namespace ctms::fields

namespace ctms::model {

/// Some fields of a T, with their values: the ones that were set. For email, amo, fxa, mofo, newsletter, waitlist and the older waitlists.
template <class T>
class partial {
public:
    partial() = default; ///< No fields.

    /// Returns a partial in which every field is set, to that of `value`. The times of a row are not fields.
    [[nodiscard]] static partial whole(T value) {
        partial out;
        out.value_ = std::move(value);
        out.given_ = fields::keep_settable(out.value_);
        return out;
    }

    /// Sets a field: `set(&model::email::first_name, "Jane")`. std::nullopt sets it to null. Returns *this. The times of a row cannot be
    /// set. Throws std::invalid_argument for a member that is not a field.
    template <class Member>
    partial& set(Member T::*field, std::type_identity_t<Member> value) {
        static_assert(fields::is_settable<Member>, "the database sets the times");
        given_ |= fields::field_bit(field);
        value_.*field = std::move(value);
        return *this;
    }

    /// Returns true if the field was set. Throws std::invalid_argument for a member that is not a field.
    template <class Member>
    [[nodiscard]] bool has(Member T::*field) const {
        static_assert(fields::is_settable<Member>, "the database sets the times");
        return (given_ & fields::field_bit(field)) != 0;
    }
    [[nodiscard]] bool empty() const noexcept { return given_ == 0; } ///< Returns true if no field was set.
    [[nodiscard]] const T& value() const& noexcept { return value_; } ///< Returns the values; fields that were not set have defaults.
    [[nodiscard]] T value() && noexcept { return std::move(value_); } ///< Returns the values, moved out.

    bool operator==(const partial&) const = default; ///< the same fields with the same values

private:
    T value_{};
    std::uint32_t given_ = 0; ///< a bit for each field that was set
};

/// A field of the older waitlist form: absent, "leave the waitlist", or a value.
template <class Waitlist>
class older_field {
public:
    older_field() = default; ///< Absent: changes nothing.

    /// Joins the waitlist, or changes its fields.
    void set(Waitlist value) {
        given_ = true;
        value_ = std::move(value);
    }
    /// Leaves the waitlist; null or "DELETE" in JSON.
    void leave() {
        given_ = true;
        value_.reset();
    }

    [[nodiscard]] bool given() const noexcept { return given_; }                           ///< Returns false if it is absent.
    [[nodiscard]] const std::optional<Waitlist>& value() const noexcept { return value_; } ///< Returns the value, or nullopt.

    bool operator==(const older_field&) const = default; ///< member by member

private:
    bool given_ = false;
    std::optional<Waitlist> value_;
};

/// The body of POST and PUT /ctms. Groups that only have defaults are absent; lists have the order in which they were sent.
struct CTMS_API contact_input {
    std::optional<model::amo> amo;            ///< addons.mozilla.org
    model::email email;                       ///< a nil email_id means that none was sent
    std::optional<model::fxa> fxa;            ///< Firefox account
    std::optional<model::mofo> mofo;          ///< Mozilla Foundation
    std::vector<newsletter> newsletters;      ///< in the order sent
    std::vector<waitlist> waitlists;          ///< in the order sent
    older_field<model::vpn_waitlist> vpn;     ///< older form
    older_field<model::relay_waitlist> relay; ///< older form

    bool operator==(const contact_input&) const = default; ///< member by member
};

/// What PATCH does to a group: nothing, delete it, or set some of its fields.
template <class Group>
class group_patch : public partial<Group> {
public:
    /// Deletes the group and drops fields that were set before; "DELETE" in JSON. Fields that are set afterwards start a new group.
    void remove() {
        static_cast<partial<Group>&>(*this) = {};
        removes_ = true;
    }
    /// Sets the fields of `changes`, instead of those that were set before.
    void change(partial<Group> changes) { static_cast<partial<Group>&>(*this) = std::move(changes); }
    /// Returns true if the group is deleted.
    [[nodiscard]] bool removes() const noexcept { return removes_; }
    /// Returns true if the patch changes nothing: it neither deletes the group nor sets a field.
    [[nodiscard]] bool empty() const noexcept { return !removes_ && !sets_fields(); }
    /// Returns true if a field was set.
    [[nodiscard]] bool sets_fields() const noexcept { return !partial<Group>::empty(); }

    bool operator==(const group_patch&) const = default; ///< member by member

private:
    bool removes_ = false;
};

/// What PATCH does to newsletters or waitlists: add or change items, or unsubscribe.
template <class Item>
class list_patch {
public:
    /// Changes the item with this name, or adds it with defaults. Returns its fields, to set more of them:
    /// `change("hubs").set(&model::newsletter::lang, "de")`. The reference is valid until the next call.
    partial<Item>& change(std::string name) {
        auto& item = items_.emplace_back();
        return item.set(&Item::name, std::move(name));
    }
    /// Adds an item, or replaces all fields of the stored one with its name.
    void put(Item item) { put(partial<Item>::whole(std::move(item))); }
    /// Adds an item, or changes the given fields of the stored one with its name, which must be among them.
    void put(partial<Item> item) { items_.push_back(std::move(item)); }
    /// Unsubscribes from the newsletter, or leaves the waitlist, with this name. Does nothing if the contact does not have it.
    void unsubscribe(std::string name) { change(std::move(name)).set(&Item::subscribed, false); }
    /// Unsubscribes from everything in the list and drops items that were added before; "UNSUBSCRIBE" in JSON. Items that are added
    /// afterwards apply after it.
    void unsubscribe_all() {
        items_.clear();
        unsubscribes_all_ = true;
    }

    [[nodiscard]] bool unsubscribes_all() const noexcept { return unsubscribes_all_; }        ///< Returns true after unsubscribe_all().
    [[nodiscard]] const std::vector<partial<Item>>& items() const noexcept { return items_; } ///< Returns the items in the order added.

    bool operator==(const list_patch&) const = default; ///< member by member

private:
    bool unsubscribes_all_ = false;
    std::vector<partial<Item>> items_;
};

/// The body of PATCH /ctms/{email_id}.
struct CTMS_API contact_patch {
    group_patch<model::amo> amo;              ///< addons.mozilla.org
    partial<model::email> email;              ///< cannot be deleted
    group_patch<model::fxa> fxa;              ///< Firefox account
    group_patch<model::mofo> mofo;            ///< Mozilla Foundation
    list_patch<newsletter> newsletters;       ///< past and present subscriptions
    list_patch<waitlist> waitlists;           ///< waitlists to join, change or leave
    older_field<model::vpn_waitlist> vpn;     ///< older form
    older_field<model::relay_waitlist> relay; ///< older form

    bool operator==(const contact_patch&) const = default; ///< member by member
};

} // namespace ctms::model
