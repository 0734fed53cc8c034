// SPDX-License-Identifier: MPL-2.0
// Limits how many secrets may be hashed per minute for an address, and for an address together with a client id. Counts in
// windows of a minute, by keys of a fixed size. Private to the services. Thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace ctms::service {

class attempt_limit {
public:
    /// The limit of an address is this many times that of one client, because clients may share an address behind NAT.
    static constexpr int clients_of_an_address = 2;
    /// The most keys in one window; each takes about 50 bytes. A key stays while its attempt waits to be hashed, and after it failed.
    /// ctms-web lets 1,024 attempts wait and hashes fewer than a thousand per minute, so that neither one address nor many (an
    /// IPv6 /48 has 65,536 /64s) can fill the table. If it is full nevertheless, new keys are refused until the window ends.
    /// Keys are never removed to make room: an attacker with many addresses could use that to reset its own counts.
    static constexpr std::size_t most_keys = 20'000;

    /// Identifies an attempt by keyed hashes, which have a fixed size and which no input can make collide.
    struct keys {
        std::uint64_t pair;    ///< of client id and address
        std::uint64_t address; ///< of the address
    };

    /// `per_minute`: how many attempts of one pair may fail in a minute; 0 means no limit.
    explicit attempt_limit(int per_minute) : per_minute_(per_minute) {}

    /// Counts an attempt before it is made. Returns false, without counting it, if the pair or the address has no attempt left.
    [[nodiscard]] bool take(const keys& whose, std::chrono::steady_clock::time_point now) {
        if (per_minute_ == 0) return true;
        const std::lock_guard lock(mutex_);
        if (now - window_start_ >= std::chrono::minutes(1)) {
            counts_.clear();
            window_start_ = now;
        }
        const auto pair = count_of(whose.pair);
        const auto address = count_of(whose.address);
        if (pair >= per_minute_ || address >= std::int64_t{per_minute_} * clients_of_an_address) return false;
        if (counts_.size() + 2 > most_keys && (pair == 0 || address == 0)) return false; // a refused attempt adds no entry
        ++counts_[whose.pair];
        ++counts_[whose.address];
        return true;
    }

    /// Gives back an attempt that succeeded or was never made.
    void give_back(const keys& whose) noexcept {
        const std::lock_guard lock(mutex_);
        for (const auto key : {whose.pair, whose.address}) {
            const auto found = counts_.find(key);
            if (found != counts_.end() && --found->second <= 0) counts_.erase(found); // a key without attempts is removed
        }
    }

private:
    [[nodiscard]] std::int64_t count_of(std::uint64_t key) const {
        const auto found = counts_.find(key);
        return found == counts_.end() ? 0 : found->second;
    }

    int per_minute_;
    std::mutex mutex_;
    std::chrono::steady_clock::time_point window_start_{};
    std::unordered_map<std::uint64_t, std::int64_t> counts_;
};

} // namespace ctms::service
