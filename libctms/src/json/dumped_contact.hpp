// SPDX-License-Identifier: MPL-2.0
// Prepares contacts for bulk writes: reads the lines of a dump, and converts contacts to rows. Pure functions, thread safe; they throw
// only std::bad_alloc.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/model/contact.hpp>
#include <model/stored_rows.hpp>

#include <set>
#include <string>

namespace ctms::json {

/// Returns true for a contact of a dump (it has the member `format`), false for one in the form of the API.
[[nodiscard]] bool is_dumped(const body& sent);

/// Reads a contact of a dump. Anything that was stored can be stored again, so only the rules of the tables apply, not those of the API.
/// Returns errc::invalid if the id or the address is missing, if a group is not an object or a list is not a list, if a list repeats a
/// name, and for NUL characters, NaN and Infinity. The database checks whether values fit their columns.
[[nodiscard]] result<model::stored_rows> read_dumped_contact(const body& sent);

/// What a contact does not want to receive.
struct opt_outs {
    bool email = false;                ///< has_opted_out_of_email
    std::set<std::string> newsletters; ///< that are not subscribed
    std::set<std::string> subscribed;  ///< the others

    /// Returns true if `after` receives something that this contact does not want.
    [[nodiscard]] bool are_cleared_by(const opt_outs& after) const;
};

/// Returns the opt-outs of a contact.
[[nodiscard]] opt_outs opt_outs_of(const model::contact& contact);
/// Returns the opt-outs of a line of a dump that was read without an error.
[[nodiscard]] opt_outs opt_outs_of(const body& dumped);

/// Returns a contact as rows. The database sets the times that the contact does not have.
[[nodiscard]] model::stored_rows to_stored_rows(const model::contact& contact);

/// Returns the errors of an input as one line, without values: "email.primary_email: field required; ...".
[[nodiscard]] std::string describe(const error& failure);

} // namespace ctms::json
