// SPDX-License-Identifier: MPL-2.0
// Webhooks: services to which the feed of changes is sent. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/change.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace ctms::model {

/// Whether a webhook delivers.
enum class webhook_state : std::uint8_t {
    enabled,  ///< it delivers, or tries to
    disabled, ///< an operator disabled it, or its receiver responded 410 Gone
    parked    ///< all attempts failed, or the database was restored into another cluster; it waits for an operator
};

/// A webhook, without its secrets.
struct CTMS_API webhook {
    uuid id;                                      ///< never used again for another webhook
    std::string name;                             ///< unique
    std::string url;                              ///< where messages are sent; may contain a token
    std::set<change_kind> events;                 ///< kinds of changes that are sent; created and updated are sent together
    bool with_contacts = false;                   ///< whether messages contain the contacts, with personal data
    bool allow_http = false;                      ///< whether the URL may begin with http
    bool allow_private_address = false;           ///< whether the host may have an address that is not public
    webhook_state state = webhook_state::enabled; ///< whether it delivers
    std::string reason;                           ///< why it is disabled or parked; "" otherwise
    change_cursor after;                          ///< the place in the feed after which changes are still to be sent
    std::int64_t cluster = 0;                     ///< identifies the database cluster that `after` belongs to
    std::string lost;                             ///< why changes are missing, if the receiver was not yet told; "" otherwise
    std::optional<timestamp> lost_at;             ///< when that was found
    int failures = 0;                             ///< failed attempts since the last delivery
    std::string last_failure;                     ///< what the last of them met; "" if there is none
    timestamp next_attempt_at{};                  ///< not before this time
    std::optional<timestamp> delivered_at;        ///< the last delivery
    std::optional<timestamp> old_secret_until;    ///< until when the replaced secret also signs
    timestamp created_at{};                       ///< when it was added
    bool is_held = false;                         ///< a process delivers at the moment
    bool is_due = false;                          ///< enabled, not held, and the time of the next attempt has come
    std::chrono::seconds lag{};                   ///< age of the oldest change after `after`; 0 if there is none
};

} // namespace ctms::model
