// SPDX-License-Identifier: MPL-2.0
// Sends the feed of changes to the webhooks, on threads of its own, for as long as the object lives. Any number of processes may do it at
// the same time: a webhook is leased to one of them. Decision record 32 has the rules. Thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/model/webhook.hpp>
#include <ctms/mozlog/logger.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// An attempt to deliver a message, for metrics.
struct CTMS_API webhook_attempt {
    std::string_view webhook; ///< name of the webhook
    std::string_view outcome; ///< "delivered", "status", "timeout", "certificate", "not_public" or "connection"
    double seconds = 0;       ///< from the beginning of the request to the end of the response
    std::size_t changes = 0;  ///< changes in the message
};

/// Returns all outcomes of attempts.
[[nodiscard]] CTMS_API std::span<const std::string_view> webhook_outcomes() noexcept;

/// Returns how long to wait after each failed attempt, without jitter, as the Standard Webhooks specification 1.0.0 recommends: 75 hours
/// in all. After one more failure than this, a webhook is parked.
[[nodiscard]] CTMS_API std::vector<std::chrono::milliseconds> usual_webhook_waits();

/// How to deliver.
struct CTMS_API webhook_delivery_options {
    std::chrono::milliseconds timeout{15'000};                            ///< of a request with its whole response
    std::chrono::milliseconds poll{1'000};                                ///< time between two looks for changes
    std::vector<std::chrono::milliseconds> waits = usual_webhook_waits(); ///< after each failed attempt; varied by 20 % at random
    std::function<void(const webhook_attempt&)> on_attempt{};             ///< called by the threads that send, after each attempt
    std::function<void(std::span<const model::webhook>)> on_look{};       ///< called at each look with all webhooks; by one thread
};

/// Delivers.
class CTMS_API webhook_delivery {
public:
    /// Starts. `db` and `log` must outlive it. It uses a connection for a moment at each look, and for a moment before and after each
    /// message.
    webhook_delivery(persistence::database& db, mozlog::logger& log, webhook_delivery_options options);
    /// Begins to stop: no further message is begun. May be called from any thread, any number of times. The destructor still waits.
    void request_stop() noexcept;
    /// Stops, and waits for messages that are being sent, for at most the timeout and that of the database.
    ~webhook_delivery();
    webhook_delivery(const webhook_delivery&) = delete;
    webhook_delivery& operator=(const webhook_delivery&) = delete;

    /// How long a webhook stays leased to a process that was killed.
    [[nodiscard]] static std::chrono::seconds lease_for(std::chrono::milliseconds timeout);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::service
