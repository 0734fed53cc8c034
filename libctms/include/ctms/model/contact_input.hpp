// SPDX-License-Identifier: MPL-2.0
// What a client sends to create or replace a contact, after validation of its form: what it means for the stored
// waitlists is decided by the service, which knows them. Plain data.
#pragma once

#include <ctms/model/contact.hpp>

#include <optional>
#include <vector>

namespace ctms::model {

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

} // namespace ctms::model
