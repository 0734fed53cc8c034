// SPDX-License-Identifier: MPL-2.0
// How POST, PUT and PATCH change a contact: pure functions that take the stored contact and the input and return the new state.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact_input.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <optional>

namespace ctms::service {

/// Whether two contacts are equal in everything that a client can send.
[[nodiscard]] bool same_content(const model::contact& a, const model::contact& b);

/// The contact that POST creates, with its lists in order of name. Generates an email_id if none was sent.
[[nodiscard]] result<model::contact> new_contact(const model::contact_input& input);

/// PUT: replaces everything except waitlists that the body does not name. errc::invalid if a list repeats a name.
[[nodiscard]] result<persistence::contact_change> replaced(const model::contact_input& input, const std::optional<model::contact>& stored);

/// PATCH: changes what was given. errc::conflict if a list repeats a new name.
[[nodiscard]] result<persistence::contact_change> patched(const model::contact_patch& patch, const model::contact& stored);

} // namespace ctms::service
