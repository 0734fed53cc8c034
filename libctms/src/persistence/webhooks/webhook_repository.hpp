// SPDX-License-Identifier: MPL-2.0
// Reads and writes webhooks (table ctms_webhooks), and leases them to the processes that deliver. Times are those of the database's clock.
// Thread safe; each call is one transaction, except fail().
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/webhook.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A webhook with the secrets that sign its messages, the current one first.
struct signing_webhook {
    model::webhook webhook;
    std::vector<std::string> secrets;
    timestamp read_at{}; ///< when it was read
};

/// What follows from a failed attempt.
struct webhook_failure {
    std::string what;                                          ///< what the attempt met
    model::webhook_state next = model::webhook_state::enabled; ///< whether it is tried again
    std::chrono::milliseconds wait{};                          ///< time until the next attempt
};

/// Reads and writes webhooks.
class webhook_repository {
public:
    /// `db` must outlive it.
    explicit webhook_repository(database& db) : db_(db) {}

    /// Stores a webhook. errc::conflict if the name is used or there are `most` already.
    [[nodiscard]] result<void> add(const model::webhook& made, const std::string& secret, int most);
    /// Makes webhooks due whose next attempt lies further in the future than any wait is long, and shortens leases to the longest one, and
    /// the time in which a replaced secret also signs to `longest_grace`: such times were stored before the database's clock was set back.
    [[nodiscard]] result<void> bring_times_back(std::chrono::seconds longest_grace);
    /// Returns all webhooks, in order of their names.
    [[nodiscard]] result<std::vector<model::webhook>> list();
    /// Returns a webhook with its secrets. errc::not_found if it does not exist.
    [[nodiscard]] result<signing_webhook> find(std::string_view name);
    /// Removes a webhook. errc::not_found if it does not exist.
    [[nodiscard]] result<void> remove(std::string_view name);
    /// Disables a webhook. A message that is being sent is not recalled. errc::not_found if it does not exist.
    [[nodiscard]] result<void> disable(std::string_view name, const std::string& reason);
    /// Enables a webhook, whatever its state, with all attempts, the next one at once. `from` replaces its place in the feed, `cluster`
    /// what that belongs to. errc::not_found if it does not exist.
    [[nodiscard]] result<void> enable(std::string_view name, std::int64_t cluster, const std::optional<model::change_cursor>& from);
    /// Replaces the secret. The old one also signs until `old_until`; one that was replaced before does not any more. errc::not_found if
    /// the webhook does not exist or, unless `end_grace`, if one that was replaced before still signs.
    [[nodiscard]] result<void> set_secret(std::string_view name, const std::string& secret, const std::optional<timestamp>& old_until,
                                          bool end_grace);

    /// Leases a webhook to `holder`, who alone may deliver for `lease`. Returns nullopt unless it is due.
    [[nodiscard]] result<std::optional<signing_webhook>> claim(const uuid& id, const uuid& holder, std::chrono::seconds lease);
    /// Moves a held webhook on in the feed, renews the lease, and ends a series of failures if something was `sent`. Returns false if
    /// `holder` must stop, because it does not hold the webhook any more or the webhook is not enabled.
    [[nodiscard]] result<bool> move_on(const uuid& id, const uuid& holder, const model::change_cursor& to, bool sent,
                                       std::chrono::seconds lease);
    /// Moves a held webhook to `to`, notes that its receiver must be told why changes before that place are missing, and renews the lease.
    /// Returns as move_on() does.
    [[nodiscard]] result<bool> note_lost(const uuid& id, const uuid& holder, const model::change_cursor& to, const std::string& why,
                                         std::chrono::seconds lease);
    /// Records a failed attempt of a webhook, which is as it was claimed apart from messages that were delivered since, and ends the lease.
    /// If an operator has enabled the webhook meanwhile, it only ends the lease. Returns whether the attempt was recorded.
    [[nodiscard]] result<bool> fail(const model::webhook& claimed, const uuid& holder, const webhook_failure& what);
    /// Ends the lease.
    [[nodiscard]] result<void> release(const uuid& id, const uuid& holder);

private:
    database& db_;
};

} // namespace ctms::persistence
