// SPDX-License-Identifier: MPL-2.0
// What a client sends to create, replace or change a contact, after validation of its form: what it means for the
// stored contact is decided by the service, which knows it. Plain data.
#pragma once

#include <ctms/model/contact.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace ctms::model {

/// A value of which only some fields were sent: bit i of `given` stands for the i-th field of its table (ctms/json).
template <class T>
struct partial {
    T value{};
    std::uint32_t given = 0;
};

/// A field of the older waitlist form: absent, "go" (null or "DELETE"), or a value.
template <class Waitlist>
struct older_field {
    bool given = false;
    std::optional<Waitlist> value;
};

/// The body of POST and PUT /ctms. Groups that hold only defaults are absent already; lists stand in the order sent.
struct contact_input {
    std::optional<model::amo> amo;
    model::email email;
    std::optional<model::fxa> fxa;
    std::optional<model::mofo> mofo;
    std::vector<newsletter> newsletters;
    std::vector<waitlist> waitlists;
    older_field<model::vpn_waitlist> vpn;
    older_field<model::relay_waitlist> relay;
};

/// What PATCH does to a group: nothing, remove it, or change the fields that were given.
template <class Group>
struct group_patch {
    bool remove = false;
    partial<Group> changes;
};

/// A list of PATCH: items to insert or change, or "UNSUBSCRIBE" from all that are stored.
template <class Item>
struct list_patch {
    bool unsubscribe_all = false;
    std::vector<partial<Item>> items;
};

/// The body of PATCH /ctms/{email_id}.
struct contact_patch {
    group_patch<model::amo> amo;
    partial<model::email> email;
    group_patch<model::fxa> fxa;
    group_patch<model::mofo> mofo;
    list_patch<newsletter> newsletters;
    list_patch<waitlist> waitlists;
    older_field<model::vpn_waitlist> vpn;
    older_field<model::relay_waitlist> relay;
};

} // namespace ctms::model
