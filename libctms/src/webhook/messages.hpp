// SPDX-License-Identifier: MPL-2.0
// The bodies of messages to webhooks: JSON objects with type, timestamp and data. docs/webhooks.md describes them. Pure functions. Private
// to the library.
#pragma once

#include <ctms/base/time.hpp>
#include <ctms/model/change.hpp>

#include <span>
#include <string>
#include <string_view>

namespace ctms::webhook {

/// "contacts.changed": the changes, at least one, in order. The timestamp is that of the last one.
[[nodiscard]] std::string changes_message(std::span<const model::change> changes, bool with_contacts);

/// "contacts.changes_lost": the receiver must compare all its contacts, because changes cannot be sent any more.
[[nodiscard]] std::string lost_message(std::string_view why, timestamp when);

/// "webhook.test": sent on request of an operator.
[[nodiscard]] std::string test_message(std::string_view webhook, timestamp when);

} // namespace ctms::webhook
