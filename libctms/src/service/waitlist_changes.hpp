// SPDX-License-Identifier: MPL-2.0
// How a write changes the stored waitlists, including the older form that some clients still send. A pure function.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact_input.hpp>

#include <string>
#include <vector>

namespace ctms::service {

/// The parts of a body that concern waitlists.
struct waitlist_request {
    std::vector<model::partial<model::waitlist>> waitlists;
    std::vector<model::partial<model::newsletter>> newsletters;
    bool unsubscribe_waitlists = false;   ///< `"waitlists": "UNSUBSCRIBE"`
    bool unsubscribe_newsletters = false; ///< `"newsletters": "UNSUBSCRIBE"`
    model::older_field<model::vpn_waitlist> vpn;
    model::older_field<model::relay_waitlist> relay;
};

struct waitlist_changes {
    std::vector<model::partial<model::waitlist>> join; ///< to insert, or to apply to the stored waitlist of that name
    std::vector<std::string> leave;                    ///< names of stored ones to remove, before joining
};

/// The changes that one body requests. `stored`: the contact's waitlists before.
/// If `waitlists` is not empty, only it counts; otherwise the older fields and the waitlist newsletters count.
/// errc::invalid if a vpn_waitlist to store has no country.
[[nodiscard]] result<waitlist_changes> changes_of(const waitlist_request& request, const std::vector<model::waitlist>& stored);

} // namespace ctms::service
