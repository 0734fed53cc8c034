// SPDX-License-Identifier: MPL-2.0
// Writes waitlists as fields of the main table, named NAME_waitlist_FIELD. Pure and thread safe.
#pragma once

#include <ctms/acoustic/vendor_rows.hpp>

#include <set>
#include <string>
#include <vector>

namespace ctms::acoustic {

/// A column for each name in `configured` that is a field of a waitlist, in their order. The value is empty if the contact is not
/// on the waitlist or has no such field. Strings as they are, booleans 1 or 0, numbers as written, lists and objects as JSON.
[[nodiscard]] std::vector<column> waitlist_fields(const std::vector<model::waitlist>& waitlists, const std::set<std::string>& configured);

} // namespace ctms::acoustic
