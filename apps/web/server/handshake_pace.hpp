// SPDX-License-Identifier: MPL-2.0
// Decides when TLS handshakes may begin, so that one network uses only a part of the I/O thread's time: each handshake takes up to
// several milliseconds of it. Private to the server. Not thread safe: for use on the I/O thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>

namespace ctms::web {

class handshake_pace {
public:
    using clock = std::chrono::steady_clock;

    /// When the next handshake of `network`, which takes `cost` of the thread's time, may begin; nullopt if that is after `latest`.
    /// One network gets a quarter of the thread's time, and may run ahead of that by up to one second. All networks of a `site` together
    /// get half; "" means that the network belongs to none.
    [[nodiscard]] std::optional<clock::time_point> next(const std::string& network, const std::string& site, clock::duration cost,
                                                        clock::time_point now, clock::time_point latest) {
        constexpr int share_of_network = 4;
        constexpr int share_of_site = 2;
        constexpr std::chrono::seconds at_once{1};
        forget_before(now);
        const auto network_paid = paid_until(network, now);
        const auto site_paid = site.empty() ? now : paid_until(site, now);
        const auto begin = std::max(now, std::max(network_paid, site_paid) - at_once);
        if (begin > latest) return std::nullopt;
        paid_until_.insert_or_assign(network, network_paid + share_of_network * cost);
        if (!site.empty()) paid_until_.insert_or_assign(site, site_paid + share_of_site * cost);
        return begin;
    }

    /// The number of networks and sites in the table.
    [[nodiscard]] std::size_t size() const noexcept { return paid_until_.size(); }

private:
    [[nodiscard]] clock::time_point paid_until(const std::string& whose, clock::time_point now) const {
        const auto found = paid_until_.find(whose);
        return found == paid_until_.end() ? now : std::max(found->second, now);
    }
    void forget_before(clock::time_point now) {
        constexpr std::size_t few = 1'000;
        if (paid_until_.size() < few || now < next_sweep_) return;
        std::erase_if(paid_until_, [&](const auto& one) { return one.second <= now; });
        next_sweep_ = now + std::chrono::seconds{1};
    }

    /// For each network and site, the time until which its handshakes have used up its part. At most `latest`, one
    /// second and the cost of one handshake ahead.
    std::unordered_map<std::string, clock::time_point> paid_until_;
    clock::time_point next_sweep_{};
};

} // namespace ctms::web
