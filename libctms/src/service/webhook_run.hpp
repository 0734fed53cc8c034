// SPDX-License-Identifier: MPL-2.0
// Delivers to one webhook for some seconds: leases it, sends one message after the other, and records what became of each. A message is
// recorded as delivered only after its response, so it may be sent twice, and none is skipped. For one thread. Private to this layer.
#pragma once

#include "lease_clock.hpp"

#include <ctms/base/trace_context.hpp>
#include <ctms/service/changes.hpp>
#include <ctms/service/webhook_delivery.hpp>

#include <persistence/contacts/change_feed.hpp>
#include <persistence/webhooks/webhook_repository.hpp>
#include <webhook/sender.hpp>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

namespace ctms::service {

class webhook_run {
public:
    /// The references must outlive it.
    webhook_run(persistence::database& db, mozlog::logger& log, const webhook_delivery_options& options)
        : db_(db), log_(log), options_(options), repository_(db), lease_(webhook_delivery::lease_for(options.timeout)) {}

    /// Delivers until nothing follows, an attempt fails, another process holds the webhook, the longest run is over or `stop` is requested.
    void deliver(const uuid& id, const std::stop_token& stop);

private:
    using clock = lease_clock;

    /// Sends until a reason to stop is found. Returns whether the lease is still to be ended.
    bool send_all(webhook::sender& to, const std::stop_token& stop);
    /// Whether another message may begin: it must not outlast the lease, and not be signed with secrets that were read long ago.
    [[nodiscard]] bool may_send() const;
    /// Reads and sends the next changes. Returns nullopt to go on; otherwise as send_all().
    std::optional<bool> send_next(webhook::sender& to);
    /// Sends one message and records the outcome, with the place `next` if it was delivered. Returns as send_next().
    std::optional<bool> send(webhook::sender& to, const std::string& body, const model::change_cursor& next, std::size_t changes);
    /// Records the place. Returns as send_next().
    std::optional<bool> move_on(const model::change_cursor& next, bool sent);
    /// Goes on at the end of the feed, and notes that the receiver must be told. Returns as send_next().
    std::optional<bool> give_up_place();
    void fail(const webhook::outcome& what);
    /// Records a failure after which an operator must decide.
    void park(const std::string& why);
    void record(const persistence::webhook_failure& failure);

    persistence::database& db_;
    mozlog::logger& log_;
    const webhook_delivery_options& options_;
    persistence::webhook_repository repository_;
    const std::chrono::seconds lease_;
    const uuid holder_ = uuid::random();
    persistence::signing_webhook claimed_;
    clock::time_point lease_ends_{};
    clock::time_point run_ends_{};
    bool has_moved_ = false; ///< since the webhook was claimed
    trace_context trace_;    ///< of the last message; empty before it
};

/// Whether something is to be sent after the webhook's place in the feed.
[[nodiscard]] bool has_news(const model::webhook& hook, const persistence::feed_end& end);

} // namespace ctms::service
