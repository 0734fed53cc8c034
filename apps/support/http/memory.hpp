// SPDX-License-Identifier: MPL-2.0
// A bound on the memory that request bodies and unread answers take, for all connections of a server together, of which one
// address can take a part only. Small messages are free, so that large ones cannot keep them out.
// Not thread safe: for the one thread of the sockets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

namespace ctms::http {

/// The bytes that all connections together may take.
class memory_budget {
public:
    /// `bytes` in all, of which one network may take `most_of_one`.
    memory_budget(std::size_t bytes, std::size_t most_of_one) : left_(bytes), most_of_one_(most_of_one) {}

    /// `network`: whose connection it is for; "" is not bounded by itself (a proxy that speaks for many).
    [[nodiscard]] bool take(const std::string& network, std::size_t bytes) {
        if (bytes > left_) return false;
        if (!network.empty()) {
            const auto found = taken_.find(network);
            if ((found == taken_.end() ? 0 : found->second) + bytes > most_of_one_) return false;
            taken_[network] += bytes;
        }
        left_ -= bytes;
        return true;
    }
    void give_back(const std::string& network, std::size_t bytes) noexcept {
        left_ += bytes;
        const auto found = taken_.find(network);
        if (found != taken_.end() && (found->second -= bytes) == 0) taken_.erase(found);
    }

private:
    std::size_t left_;
    std::size_t most_of_one_;
    std::unordered_map<std::string, std::size_t> taken_; ///< by network; never more entries than connections
};

/// What one connection has taken of the budget; gives it back at its end.
class memory_share {
public:
    static constexpr std::size_t free_bytes = 16 * 1024; ///< of each connection, which are not counted

    /// The budget must outlive it. `network` as memory_budget::take() wants it.
    memory_share(memory_budget& budget, std::string network) : budget_(budget), network_(std::move(network)) {}
    ~memory_share() { release(); }
    memory_share(const memory_share&) = delete;
    memory_share& operator=(const memory_share&) = delete;

    /// Makes the share large enough for `bytes` in all. False, and the share stays as it was, when the budget is used up.
    [[nodiscard]] bool grow_to(std::size_t bytes) {
        const auto counted = bytes - std::min(bytes, free_bytes);
        if (counted <= taken_) return true;
        if (!budget_.take(network_, counted - taken_)) return false;
        taken_ = counted;
        return true;
    }
    void release() noexcept {
        if (taken_ > 0) budget_.give_back(network_, taken_);
        taken_ = 0;
    }

private:
    memory_budget& budget_;
    const std::string network_;
    std::size_t taken_ = 0;
};

} // namespace ctms::http
