// SPDX-License-Identifier: MPL-2.0
// What a write means for the stored waitlists, the older form that clients still send included. A pure function.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact_input.hpp>

#include <string>
#include <vector>

namespace ctms::service {

struct waitlist_changes {
    std::vector<model::waitlist> join;   ///< inserted, or replacing the stored one of that name
    std::vector<std::string> leave;      ///< names of stored ones that go
};

/// What one body asks for. `newsletters`: those of the body. `stored`: the contact's waitlists before.
/// When `waitlists` is not empty it alone counts; else the older fields and waitlist newsletters do.
/// errc::invalid when a vpn_waitlist to be stored has no country.
[[nodiscard]] result<waitlist_changes> changes_of(const std::vector<model::waitlist>& waitlists,
                                                  const std::vector<model::newsletter>& newsletters,
                                                  const model::older_field<model::vpn_waitlist>& vpn,
                                                  const model::older_field<model::relay_waitlist>& relay,
                                                  const std::vector<model::waitlist>& stored);

} // namespace ctms::service
