// SPDX-License-Identifier: MPL-2.0
// Limits the memory that request bodies and unread responses use, in total for all connections of a server and for each address.
// Small messages are not counted, so that large ones cannot block them. Also keeps a process alive that has reached its memory
// limit.
// The classes are not thread safe: they are for the I/O thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace ctms::http {

/// The process's memory limit in bytes: the smallest of its limits on address space and data (setrlimit(2)) and those of its
/// control groups (memory.max); nullopt if there is no limit. Reads files, so call it at startup.
[[nodiscard]] std::optional<std::size_t> memory_limit();

/// Sets aside a megabyte in small blocks, which `new` uses when the process reaches its memory limit: small allocations then still
/// succeed, while large ones fail with std::bad_alloc. Call it once, before other threads run. Asio needs this, because it ends the
/// process if it cannot allocate what it needs to end a coroutine (with ctms_asio it allocates with `new`).
void set_memory_aside();
/// Refills the reserve as far as memory allows. Call it again and again. Thread safe.
void set_memory_aside_again() noexcept;

/// Whether the process could allocate another `bytes` now, and the reserve is not in use. Considers the limits of setrlimit(2), but
/// not those of control groups. Thread safe.
[[nodiscard]] bool has_memory_for(std::size_t bytes) noexcept;

/// The memory that is kept free for small, uncounted messages when the process is near its limit.
constexpr std::size_t reserved_memory = 8 * 1024 * 1024;

/// The memory budget of all connections together.
class memory_budget {
public:
    /// `bytes` is the total; one network may use at most `most_of_one` of it.
    memory_budget(std::size_t bytes, std::size_t most_of_one) : left_(bytes), most_of_one_(most_of_one) {}

    /// Takes `bytes` for the client's network, or for none if it is "", which only the total limits. Returns false if a limit is reached.
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
    std::unordered_map<std::string, std::size_t> taken_; ///< bytes by network; at most one entry per connection
};

/// One connection's share of the budget, which it gives back when it is destroyed.
class memory_share {
public:
    static constexpr std::size_t free_bytes = 16 * 1024; ///< per connection; these are not counted

    /// The budget must outlive the share. `network` is passed to memory_budget::take().
    memory_share(memory_budget& budget, std::string network) : budget_(budget), network_(std::move(network)) {}
    ~memory_share() { release(); }
    memory_share(const memory_share&) = delete;
    memory_share& operator=(const memory_share&) = delete;

    /// Grows the share to at least `bytes` in total. Returns false, and leaves the share unchanged, if the budget is used up.
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
