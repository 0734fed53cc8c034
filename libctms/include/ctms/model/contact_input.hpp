// SPDX-License-Identifier: MPL-2.0
// What a client sends to create, replace or change a contact, after validation of its form. The service, which knows the stored contact,
// decides what it means. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/model/contact.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace ctms::model {

/// A value of which only some fields were sent: bit i of `given` is the i-th field of its table (src/fields).
template <class T>
struct partial {
    T value{};               ///< fields that were not sent have their defaults
    std::uint32_t given = 0; ///< one bit for each field that was sent

    bool operator==(const partial&) const = default; ///< member by member
};

/// A field of the older waitlist form: absent, "leave" (null or "DELETE"), or a value.
template <class Waitlist>
struct older_field {
    bool given = false;            ///< it was sent
    std::optional<Waitlist> value; ///< nullopt means leave

    bool operator==(const older_field&) const = default; ///< member by member
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

/// What PATCH does to a group: nothing, remove it, or change the fields that were sent.
template <class Group>
struct group_patch {
    bool remove = false;    ///< the group was sent as "DELETE"
    partial<Group> changes; ///< used unless the group is removed

    bool operator==(const group_patch&) const = default; ///< member by member
};

/// What PATCH does to a list: add or change items, or unsubscribe from everything in the list ("UNSUBSCRIBE").
template <class Item>
struct list_patch {
    bool unsubscribe_all = false;     ///< the list was sent as "UNSUBSCRIBE"
    std::vector<partial<Item>> items; ///< in the order sent

    bool operator==(const list_patch&) const = default; ///< member by member
};

/// The body of PATCH /ctms/{email_id}.
struct CTMS_API contact_patch {
    group_patch<model::amo> amo;              ///< addons.mozilla.org
    partial<model::email> email;              ///< cannot be removed
    group_patch<model::fxa> fxa;              ///< Firefox account
    group_patch<model::mofo> mofo;            ///< Mozilla Foundation
    list_patch<newsletter> newsletters;       ///< items, or unsubscribe from all
    list_patch<waitlist> waitlists;           ///< items, or unsubscribe from all
    older_field<model::vpn_waitlist> vpn;     ///< older form
    older_field<model::relay_waitlist> relay; ///< older form

    bool operator==(const contact_patch&) const = default; ///< member by member
};

} // namespace ctms::model
