// SPDX-License-Identifier: MPL-2.0
// Lists what changed between two states of a contact, for its history. Pure function, thread safe.
#pragma once

#include <ctms/model/contact.hpp>

#include <string>

namespace ctms::json {

/// Returns a JSON array with an object for each field that differs: `field` ("email.first_name", "newsletters.subscribed"), `name` for a
/// field of a list (the name of the newsletter or waitlist), and, if fields::keeps_values() allows it, `old` and `new`. A value that is
/// null, false, empty or absent equals each other such value. `waitlists.subscribed` says whether the contact is on the waitlist.
/// `before` is null for a new contact. Returns "[]" if nothing differs.
[[nodiscard]] std::string changed_fields(const model::contact* before, const model::contact& after);

} // namespace ctms::json
