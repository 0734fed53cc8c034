// SPDX-License-Identifier: MPL-2.0
// The metrics of a process in Prometheus' text format: what the library reports through metrics::recorder, and the
// requests of ctms-web. Names, labels and buckets follow the deployment guide. Thread safe.
#pragma once

#include <ctms/metrics/recorder.hpp>
#include <ctms/model/id_usage.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::support {

/// One answered request. The views must outlive the metrics; they point into the route table.
struct request_sample {
    std::string_view method;
    std::string_view path_template;
    int status = 0;
    double seconds = 0;
    std::string client_id; ///< the id of an existing client, otherwise ""
};

/// Values that are measured when the metrics are read.
struct runtime_sample {
    int pool_open = 0;
    int pool_in_use = 0;
    int pool_waiting = 0;
    bool queue_known = false; ///< false: the queue could not be read, and the last values stay
    double queue_parked = 0;
    double queue_age_seconds = 0;
    std::optional<double> changes_delay_seconds; ///< nullopt: the last value stays
    std::vector<model::id_usage> ids;            ///< tables that are missing here keep their last values
    std::optional<double> stripe_parked{};       ///< nullopt: the last value stays
    std::optional<double> erasures_pending{};    ///< nullopt: the last values of this and the next stay
    double erasures_age_seconds = 0;
};

/// Why event streams end: the client disconnects or does not read, its token becomes invalid, it is disabled or loses the role, its cursor
/// cannot be followed any more, the server stops, or a failure here.
constexpr std::array<std::string_view, 8> stream_end_reasons{"client",       "timeout",     "token_invalid",   "client_disabled",
                                                             "role_missing", "cursor_gone", "server_stopping", "server"};

/// The limits of an API client: of its rate, and of its requests at the same time.
constexpr std::array<std::string_view, 2> client_limit_names{"rate", "concurrency"};

/// What becomes of a request with an Idempotency-Key: the key is new, or the request is repeated, still running, or another one than
/// before, or its answer was erased with its contact.
constexpr std::array<std::string_view, 5> key_uses{"first", "again", "running", "other_request", "erased"};

/// What fails while event streams are open: the reading of the feed for all of them, of a page for one, the check of a token, or the
/// allocation of memory.
constexpr std::array<std::string_view, 4> stream_failures{"feed", "page", "token", "memory"};
class prometheus_metrics final : public metrics::recorder {
public:
    prometheus_metrics();
    ~prometheus_metrics() override;
    prometheus_metrics(const prometheus_metrics&) = delete;
    prometheus_metrics& operator=(const prometheus_metrics&) = delete;

    void sync_scheduled(std::size_t contacts) override;
    void stripe_parked(std::size_t objects) override;
    void legacy_waitlists_used() override;
    void database_error(std::string_view kind) override;
    void updates_end(std::string_view held_by, double seconds) override;

    /// Creates the series of such a request with value 0, so that rates include the first request. Ignores `sample.seconds`.
    void expect_request(const request_sample& sample);

    void request_began();
    void request_answered(const request_sample& sample);
    void request_ended();
    /// Counts a request or connection that was refused because of a limit; `reason` is one of a few fixed words.
    void request_rejected(std::string_view reason);

    /// Creates the series for the limits of a client with value 0, so that rates include the first refusal.
    void expect_client(const std::string& client_id);
    /// Counts a request that exceeds a limit of an existing client; `limit` is one of client_limit_names.
    void client_limited(const std::string& client_id, std::string_view limit);

    /// Counts a request with an Idempotency-Key; `use` is one of key_uses.
    void key_used(std::string_view use);

    /// An event stream of /changes is open from stream_opened() to stream_closed().
    void stream_opened();
    void stream_closed();
    /// Counts why a stream that had begun ended; `reason` is one of stream_end_reasons.
    void stream_ended(std::string_view reason);
    /// Counts a failure after which the streams try again; `what` is one of stream_failures.
    void stream_failed(std::string_view what) noexcept;
    /// Counts events for changes that a stream had missed.
    void events_sent(std::uint64_t count);
    /// Counts an event that is sent as it happens, `seconds` after its change was written.
    void event_sent(double seconds);

    /// All metrics in text format 0.0.4.
    [[nodiscard]] std::string expose(const runtime_sample& now) const;
    /// The same, for requests: makes one text at a time, and shares it among all that asked before it was begun. `measure` is called
    /// when a text is begun.
    [[nodiscard]] std::shared_ptr<const std::string> expose_since(std::chrono::steady_clock::time_point asked,
                                                                  const std::function<runtime_sample()>& measure);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::support
