// SPDX-License-Identifier: MPL-2.0
// Enforces the limits of API clients (model::client_limits) in this process: a token bucket for the rate, and a count of the requests in
// progress. Describes them as draft-ietf-httpapi-ratelimit-headers-11 says. Thread safe; blocks only for the time of a lookup in a table.
#pragma once

#include <ctms/model/api_client.hpp>
#include <support/prometheus_metrics.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ctms::web {

enum class limit_kind : std::uint8_t { rate, concurrency };

/// The name of a kind in the log and in metrics, and of its policy in the fields.
[[nodiscard]] constexpr std::string_view to_string(limit_kind kind) noexcept {
    return support::client_limit_names.at(static_cast<std::size_t>(kind));
}

class client_limiter;

/// The decision about a request of a client with limits. An admitted request counts as in progress until the object is destroyed.
/// Not thread safe, but its functions may be called on any thread.
class admission {
public:
    admission() = default; ///< of a request about which nothing was decided
    ~admission() { release(); }
    admission(admission&& other) noexcept { swap(other); }
    admission& operator=(admission&& other) noexcept {
        swap(other);
        return *this;
    }
    admission(const admission&) = delete;
    admission& operator=(const admission&) = delete;

    /// The request does not count as in progress any more.
    void release() noexcept;

    bool is_decided = false;
    std::optional<limit_kind> refused{}; ///< the limit that the request exceeds
    std::chrono::seconds retry_after{0}; ///< of a refused request: when another one may be admitted
    std::string reason{};                ///< of a refused request: a text for the client
    std::string policy{};                ///< value of RateLimit-Policy; "" if the client has no limits
    std::string state{};                 ///< value of RateLimit

private:
    friend class client_limiter;
    void swap(admission& other) noexcept;
    client_limiter* counted_by_ = nullptr; ///< null: not counted
    std::string client_id_{};
};

class client_limiter {
public:
    using clock = std::chrono::steady_clock;

    /// `most_clients`: how many clients with limits are counted at a time. Beyond that, those without requests in progress are forgotten,
    /// so that they may send their burst again. A further client is not limited while all of them have requests in progress.
    explicit client_limiter(std::size_t most_clients = 10'000) : most_clients_(most_clients) {}

    /// Decides about a request that arrives at `now`. The limiter must outlive the admission.
    [[nodiscard]] admission admit(const std::string& client_id, const model::client_limits& limits, clock::time_point now = clock::now());

private:
    friend class admission;
    struct client_state {
        std::optional<double> available{}; ///< requests that the rate allows at `at`; nullopt without a rate
        clock::time_point at{};
        std::size_t in_progress = 0;
    };
    /// Returns null if the table is full. The lock must be held.
    client_state* find(const std::string& client_id, const model::client_limits& limits, clock::time_point now);
    void end(const std::string& client_id) noexcept;

    const std::size_t most_clients_;
    std::mutex mutex_;
    std::unordered_map<std::string, client_state> clients_;
};

} // namespace ctms::web
