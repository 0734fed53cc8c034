// SPDX-License-Identifier: MPL-2.0
// A bound on the memory that request bodies and unread answers take, for all connections of a server together, of which one
// address can take a part only. Small messages are free, so that large ones cannot keep them out. And what keeps a process alive
// that is at its limit of memory.
// The classes are not thread safe: they are for the one thread of the sockets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace ctms::http {

/// The most memory in bytes that the process may have: the least of its limits of address space and of data (setrlimit(2)) and of
/// the control groups that it is in (memory.max). nullopt without a limit. Reads files: for the start.
[[nodiscard]] std::optional<std::size_t> memory_limit();

/// Sets aside a megabyte of small blocks for the moments when the process is at its limit, and has a failing `new` use them: what
/// is small then still succeeds, while what is large fails with std::bad_alloc. To be called once, before other threads run.
/// Asio needs this: it ends the process when it cannot allocate what ends a coroutine (ctms_asio has it allocate with `new`).
void set_memory_aside();
/// Sets aside again what was used, as far as there is memory. To be called several times a second. Thread safe.
void set_memory_aside_again() noexcept;

/// Whether the system would give `bytes` more now, and nothing that is set aside is in use. It knows the limits of setrlimit(2),
/// not those of control groups. Thread safe.
[[nodiscard]] bool has_memory_for(std::size_t bytes) noexcept;

/// What is left for messages that are small, and not counted, when the process is near its limit.
constexpr std::size_t reserved_memory = 8 * 1024 * 1024;

/// The bytes that all connections together may take.
class memory_budget {
public:
    /// `bytes` in all, of which one network may take `most_of_one`.
    memory_budget(std::size_t bytes, std::size_t most_of_one) : left_(bytes), most_of_one_(most_of_one) {}

    /// `network`: the client's network; "" is bounded only by the total.
    [[nodiscard]] bool take(const std::string& network, std::size_t bytes) {
        if (bytes > left_ || !has_memory_for(bytes + reserved_memory)) return false;
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
