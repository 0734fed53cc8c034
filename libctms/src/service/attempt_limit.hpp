// SPDX-License-Identifier: MPL-2.0
// How many secrets an address may have hashed in a minute, alone and together with one client id. Counts in windows of a
// minute, by keys of a fixed size; private to the services. Thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace ctms::service {

class attempt_limit {
public:
    /// An address may do so many times what one client may do from it: several clients share an address behind NAT.
    static constexpr int clients_of_an_address = 2;
    /// Keys of one window; each takes about 50 bytes. A key stays while its attempt waits to be hashed, and after it was hashed and
    /// failed. ctms-web lets 1,024 attempts wait, and hashes fewer than a thousand in a minute, so that neither one address nor
    /// many (an IPv6 /48 has 65,536 /64s) fill the table. If it fills up nevertheless, new keys are refused until the window ends.
    /// No key makes room for another: an attacker with many addresses could then drop the counts of its own.
    static constexpr std::size_t most_keys = 20'000;

    /// Whose attempt it is: keyed hashes, so that no input makes them longer or collide.
    struct keys {
        std::uint64_t pair;    ///< of client id and address
        std::uint64_t address; ///< of the address
    };

    /// `per_minute`: attempts of one pair that may fail in a minute; 0 means no limit.
    explicit attempt_limit(int per_minute) : per_minute_(per_minute) {}

    /// Counts an attempt before it is made. False, without counting it, when the pair or the address has no attempt left.
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
        if (counts_.size() + 2 > most_keys && (pair == 0 || address == 0)) return false; // a refusal makes no entry
        ++counts_[whose.pair];
        ++counts_[whose.address];
        return true;
    }

    /// Takes an attempt back that succeeded or was never made.
    void give_back(const keys& whose) noexcept {
        const std::lock_guard lock(mutex_);
        for (const auto key : {whose.pair, whose.address}) {
            const auto found = counts_.find(key);
            if (found != counts_.end() && --found->second <= 0) counts_.erase(found); // a key without attempts takes no place
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
