// SPDX-License-Identifier: MPL-2.0
#include "client_limiter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace ctms::web {
namespace {

using std::chrono::seconds;

double per_second(const model::request_rate& rate) { return static_cast<double>(rate.requests) / static_cast<double>(rate.window.count()); }

/// The seconds until `wanted` requests more are available at this rate, rounded up, at least 1.
seconds time_until(double wanted, const model::request_rate& rate) {
    return seconds(std::max(std::int64_t{1}, static_cast<std::int64_t>(std::ceil(wanted / per_second(rate)))));
}

/// The quota is what the rate allows in the time in which a used up burst becomes available again.
std::string policy_of(const model::client_limits& limits) {
    std::string out;
    if (limits.rate) {
        const auto window = time_until(limits.rate->burst, *limits.rate);
        // Whole numbers, because a product of doubles may be a little less than the quota.
        const auto quota = window.count() * limits.rate->requests / limits.rate->window.count();
        out = fmt::format("\"rate\";q={};w={}", quota, window.count());
    }
    if (limits.concurrency)
        out += fmt::format("{}\"concurrency\";q={};qu=\"concurrent-requests\"", out.empty() ? "" : ", ", *limits.concurrency);
    return out;
}

} // namespace

void admission::swap(admission& other) noexcept {
    std::swap(is_decided, other.is_decided);
    std::swap(refused, other.refused);
    std::swap(retry_after, other.retry_after);
    reason.swap(other.reason);
    policy.swap(other.policy);
    state.swap(other.state);
    std::swap(counted_by_, other.counted_by_);
    client_id_.swap(other.client_id_);
}

void admission::release() noexcept {
    if (auto* limiter = std::exchange(counted_by_, nullptr)) limiter->end(client_id_);
}

client_limiter::client_state* client_limiter::find(const std::string& client_id, const model::client_limits& limits,
                                                   clock::time_point now) {
    auto found = clients_.find(client_id);
    if (found == clients_.end()) {
        if (clients_.size() >= most_clients_) std::erase_if(clients_, [](const auto& one) { return one.second.in_progress == 0; });
        if (clients_.size() >= most_clients_) return nullptr;
        found = clients_.try_emplace(client_id).first;
    }
    auto& state = found->second;
    if (limits.rate) {
        const double burst = limits.rate->burst;
        const std::chrono::duration<double> passed = std::max(now, state.at) - state.at;
        state.available = std::min(burst, state.available ? *state.available + passed.count() * per_second(*limits.rate) : burst);
    } else {
        state.available.reset();
    }
    state.at = std::max(now, state.at);
    return &state;
}

admission client_limiter::admit(const std::string& client_id, const model::client_limits& limits, clock::time_point now) {
    admission out;
    out.is_decided = true;
    if (!limits.rate && !limits.concurrency) return out;
    out.client_id_ = client_id; // before anything is counted, because it may lack memory
    out.policy = policy_of(limits);
    const std::lock_guard lock(mutex_);
    auto* const state = find(client_id, limits, now);
    if (state == nullptr) {
        out.policy.clear();
        return out;
    }
    if (limits.concurrency && state->in_progress >= static_cast<std::size_t>(*limits.concurrency)) {
        out.refused = limit_kind::concurrency;
        out.retry_after = seconds(1);
        out.reason = fmt::format("The limit of requests in progress of this client is {}", *limits.concurrency);
    } else if (limits.rate && *state->available < 1) {
        out.refused = limit_kind::rate;
        out.retry_after = time_until(1 - *state->available, *limits.rate);
        out.reason = fmt::format("The limit of this client is {} per {} s, with a burst of {}", limits.rate->requests,
                                 limits.rate->window.count(), limits.rate->burst);
    }
    const int taken = out.refused ? 0 : 1;
    if (limits.rate) {
        const auto left = std::max(0.0, *state->available - taken);
        out.state = fmt::format("\"rate\";r={};t={}", static_cast<std::int64_t>(left),
                                time_until(1 - (left - std::floor(left)), *limits.rate).count());
    }
    if (limits.concurrency) {
        const auto used = state->in_progress + static_cast<std::size_t>(taken);
        out.state += fmt::format("{}\"concurrency\";r={}", out.state.empty() ? "" : ", ",
                                 std::max<std::int64_t>(0, *limits.concurrency - static_cast<std::int64_t>(used)));
    }
    if (out.refused) return out;
    if (state->available) *state->available -= 1;
    ++state->in_progress;
    out.counted_by_ = this;
    return out;
}

void client_limiter::end(const std::string& client_id) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(client_id);
    if (found != clients_.end() && found->second.in_progress > 0) --found->second.in_progress;
}

} // namespace ctms::web
