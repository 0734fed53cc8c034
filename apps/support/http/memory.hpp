// SPDX-License-Identifier: MPL-2.0
// A bound on the memory that request bodies and unread answers take, for all connections of a server together.
// Small messages are free, so that large ones cannot keep them out. Not thread safe: for the one thread of the sockets.
#pragma once

#include <algorithm>
#include <cstddef>

namespace ctms::http {

/// The bytes that all connections together may still take.
class memory_budget {
public:
    explicit memory_budget(std::size_t bytes) : left_(bytes) {}
    [[nodiscard]] bool take(std::size_t bytes) noexcept {
        if (bytes > left_) return false;
        left_ -= bytes;
        return true;
    }
    void give_back(std::size_t bytes) noexcept { left_ += bytes; }

private:
    std::size_t left_;
};

/// What one connection has taken of the budget; gives it back at its end.
class memory_share {
public:
    static constexpr std::size_t free_bytes = 16 * 1024; ///< of each connection, which are not counted

    /// The budget must outlive it.
    explicit memory_share(memory_budget& budget) : budget_(budget) {}
    ~memory_share() { budget_.give_back(taken_); }
    memory_share(const memory_share&) = delete;
    memory_share& operator=(const memory_share&) = delete;

    /// Makes the share large enough for `bytes` in all. False, and the share stays as it was, when the budget is used up.
    [[nodiscard]] bool grow_to(std::size_t bytes) noexcept {
        const auto counted = bytes - std::min(bytes, free_bytes);
        if (counted <= taken_) return true;
        if (!budget_.take(counted - taken_)) return false;
        taken_ = counted;
        return true;
    }
    void release() noexcept {
        budget_.give_back(taken_);
        taken_ = 0;
    }

private:
    memory_budget& budget_;
    std::size_t taken_ = 0;
};

} // namespace ctms::http
