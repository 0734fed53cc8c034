// SPDX-License-Identifier: MPL-2.0
// Remembers secrets that were verified recently, as keyed hashes, so that a client that uses its secret often does not wait for
// Argon2. Stores neither secrets nor clients; the caller compares what the secret was verified against. Private to the services.
// Thread safe.
#pragma once

#include "auth/keyed_hash.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace ctms::service {

class remembered_secrets {
public:
    using digest = auth::keyed_hash::digest;
    using time_point = std::chrono::steady_clock::time_point;

    /// How long a secret is remembered after it was last used.
    static constexpr std::chrono::minutes time{10};
    /// The most entries, of about 120 bytes each; only correct secrets add one. If full, the least recently used one is removed.
    static constexpr std::size_t most = 10'000;

    /// Remembers the secret `which` as verified against `stored`.
    void add(const digest& which, const digest& stored, time_point now) {
        const std::lock_guard lock(mutex_);
        if (entries_.size() >= most) make_room(now);
        entries_.insert_or_assign(place_of(which), entry{which, stored, now});
    }

    /// What the secret was verified against; nullopt if it is not remembered. Counts as a use.
    [[nodiscard]] std::optional<digest> find(const digest& which, time_point now) {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(place_of(which));
        if (found == entries_.end() || !auth::equal_digests(found->second.which, which)) return std::nullopt;
        if (now - found->second.used >= time) {
            entries_.erase(found);
            return std::nullopt;
        }
        found->second.used = now;
        return found->second.stored;
    }

    void forget(const digest& which) {
        const std::lock_guard lock(mutex_);
        entries_.erase(place_of(which));
    }

private:
    struct entry {
        digest which, stored;
        time_point used;
    };

    static std::uint64_t place_of(const digest& which) {
        std::uint64_t out = 0;
        std::memcpy(&out, which.data(), sizeof out);
        return out;
    }

    void make_room(time_point now) {
        std::erase_if(entries_, [&](const auto& one) { return now - one.second.used >= time; });
        if (entries_.size() < most) return;
        entries_.erase(
            std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    }

    std::mutex mutex_;
    std::unordered_map<std::uint64_t, entry> entries_;
};

} // namespace ctms::service
