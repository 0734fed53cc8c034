// SPDX-License-Identifier: MPL-2.0
// How POST, PUT and PATCH change a contact: pure functions that take the stored contact and the input and return the new state.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact_input.hpp>
#include <ctms/model/contact_lists.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/precondition.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::service {

/// Whether two contacts are equal in everything that a client can send.
[[nodiscard]] bool same_content(const model::contact& a, const model::contact& b);

/// The contact that POST creates, with its lists in order of name. Generates an email_id if none was sent.
[[nodiscard]] result<model::contact> new_contact(const model::contact_input& input);

/// PUT: replaces everything except waitlists that the body does not name. errc::invalid if a list repeats a name.
[[nodiscard]] result<persistence::contact_change> replaced(const model::contact_input& input, const std::optional<model::contact>& stored);

/// PATCH: changes what was given. errc::conflict if a list repeats a new name.
[[nodiscard]] result<persistence::contact_change> patched(const model::contact_patch& patch, const model::contact& stored);

/// Restores in `after` the opt-outs of `stored` that a change has cleared: has_opted_out_of_email, and newsletters that are not subscribed.
/// Returns whether there were any.
bool keep_opt_outs(const model::contact& stored, model::contact& after);

/// PUT and PATCH as functions of the stored contact. They return the error of the precondition if it does not hold. Both arguments must
/// live as long as the function.
/// @{
[[nodiscard]] persistence::change_function replacement(const model::contact_input& input, const precondition& only_if);
[[nodiscard]] persistence::change_function patching(const model::contact_patch& patch, const precondition& only_if);
/// @}

/// Checks a precondition for every contact that DELETE finds; empty if there is nothing to check. The argument must live as long.
[[nodiscard]] persistence::removal_check removal_if(const precondition& only_if);

/// Checks that the ids of a request agree. errc::invalid otherwise.
/// @{
[[nodiscard]] result<void> check_replacement(const uuid& email_id, const model::contact_input& input);
[[nodiscard]] result<void> check_patch(const uuid& email_id, const model::contact_patch& patch);
/// @}

/// Whether the input uses the older form of waitlists.
[[nodiscard]] bool uses_older_form(const auto& input) { return input.vpn.given() || input.relay.given(); }

/// The outcome of a creation that failed: if the same contact is stored, that is no failure. `find` returns the stored contact of an id.
[[nodiscard]] result<created_contact> settle_creation(const std::function<result<model::contact>(const uuid&)>& find, error failure,
                                                      const model::contact& wanted);

/// What clients are told when a unique value is already used.
inline constexpr std::string_view conflict_of_creation = "Contact already exists";
inline constexpr std::string_view conflict_of_replacement = "Contact with primary_email or basket_token already exists";
inline constexpr std::string_view conflict_of_patch = "Contact with primary_email, basket_token, mofo_email_id, or fxa_id already exists";

/// Sets the message of a conflict of unique values.
[[nodiscard]] result<model::contact> with_message(result<model::contact> outcome, std::string_view conflict);

/// What became of the deletion of one contact: errc::not_found if it does not exist, errc::conflict if a legal hold exists for it.
[[nodiscard]] result<void> outcome_of_removal(const model::bulk_outcome& one);

/// The errors for a contact that does not exist.
/// @{
[[nodiscard]] error unknown_id();
[[nodiscard]] error unknown_address(const std::string& primary_email);
/// @}

} // namespace ctms::service
