// SPDX-License-Identifier: MPL-2.0
// What a body of POST, PUT or PATCH makes of a contact: pure functions from what is stored and what was sent to the new state.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact_input.hpp>
#include <ctms/persistence/contact_repository.hpp>

#include <optional>

namespace ctms::service {

/// Equal in everything that a client can send.
[[nodiscard]] bool same_content(const model::contact& a, const model::contact& b);

/// The contact that POST makes; its lists in order of name. Makes an email_id when there is none.
[[nodiscard]] result<model::contact> new_contact(const model::contact_input& input);

/// PUT: everything is replaced but waitlists that the body does not name. errc::invalid for a name twice in a list.
[[nodiscard]] result<persistence::contact_change> replaced(const model::contact_input& input, const std::optional<model::contact>& stored);

/// PATCH: what was given is changed. errc::conflict for a new name twice in a list.
[[nodiscard]] result<persistence::contact_change> patched(const model::contact_patch& patch, const model::contact& stored);

} // namespace ctms::service
