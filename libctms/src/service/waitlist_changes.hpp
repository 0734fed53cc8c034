// SPDX-License-Identifier: MPL-2.0
// What a write means for the stored waitlists, the older form that clients still send included. A pure function.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact_input.hpp>

#include <string>
#include <vector>

namespace ctms::service {

/// The parts of a body that speak of waitlists.
struct waitlist_request {
    std::vector<model::partial<model::waitlist>> waitlists;
    std::vector<model::partial<model::newsletter>> newsletters;
    bool unsubscribe_waitlists = false;   ///< `"waitlists": "UNSUBSCRIBE"`
    bool unsubscribe_newsletters = false; ///< `"newsletters": "UNSUBSCRIBE"`
    model::older_field<model::vpn_waitlist> vpn;
    model::older_field<model::relay_waitlist> relay;
};

struct waitlist_changes {
    std::vector<model::partial<model::waitlist>> join; ///< inserted, or their given fields set in the stored one of that name
    std::vector<std::string> leave;                    ///< names of stored ones that go; they go first
};

/// What one body asks for. `stored`: the contact's waitlists before.
/// When `waitlists` is not empty it alone counts; else the older fields and waitlist newsletters do.
/// errc::invalid when a vpn_waitlist to be stored has no country.
[[nodiscard]] result<waitlist_changes> changes_of(const waitlist_request& request, const std::vector<model::waitlist>& stored);

} // namespace ctms::service
