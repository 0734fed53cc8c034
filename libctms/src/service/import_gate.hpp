// SPDX-License-Identifier: MPL-2.0
// Batches of an import that have a contact or an address in common are stored one after the other, in the order in which they came; others
// at the same time. After one that was not stored, none is stored any more. Private to this layer.
#pragma once

#include <ctms/base/result.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace ctms::service {

class import_gate {
public:
    /// Hashes of what a batch is about. If two are the same by chance, a batch waits for nothing.
    using keys = std::unordered_set<std::size_t>;

    /// The place of a batch, from when it came until it is stored.
    class place {
    public:
        place(import_gate& gate, keys about) : gate_(gate), about_(std::move(about)) { number_ = gate_.enter(about_); }
        ~place() { gate_.leave(about_, number_, std::move(outcome_)); }
        place(const place&) = delete;
        place& operator=(const place&) = delete;

        /// Waits until all earlier batches with a key in common have left. They do not wait for this one, so this ends when they are
        /// stored. Returns why a batch was not stored, if one was not: then this one must not be stored, either.
        [[nodiscard]] result<void> wait() { return gate_.wait(about_, number_); }
        /// Sets whether this batch was stored, or why not. If it is not called, the batch was not stored.
        void note(result<void> outcome) { outcome_ = std::move(outcome); }

    private:
        import_gate& gate_;
        const keys about_;
        std::uint64_t number_ = 0;
        result<void> outcome_ = unavailable("a batch was not stored");
    };

private:
    std::uint64_t enter(const keys& about) {
        const std::lock_guard lock(mutex_);
        const auto number = next_++;
        try {
            for (const auto key : about) queues_[key].push_back(number);
        } catch (...) { // out of memory
            remove(about, number);
            throw;
        }
        return number;
    }

    result<void> wait(const keys& about, std::uint64_t number) {
        std::unique_lock lock(mutex_);
        for (const auto key : about) left_.wait(lock, [&] { return failure_ || queues_.at(key).front() == number; });
        return failure_ ? result<void>(*failure_) : result<void>();
    }

    void leave(const keys& about, std::uint64_t number, result<void> outcome) noexcept {
        const std::lock_guard lock(mutex_);
        if (!outcome && !failure_) failure_ = std::move(outcome).error();
        remove(about, number);
        left_.notify_all();
    }

    void remove(const keys& about, std::uint64_t number) noexcept {
        for (const auto key : about) {
            const auto queue = queues_.find(key);
            if (queue == queues_.end()) continue;
            std::erase(queue->second, number);
            if (queue->second.empty()) queues_.erase(queue);
        }
    }

    std::mutex mutex_;
    std::condition_variable left_;
    std::unordered_map<std::size_t, std::deque<std::uint64_t>> queues_; ///< of each key: the batches that have it, in their order
    std::uint64_t next_ = 0;
    std::optional<error> failure_; ///< of the first batch that was not stored
};

} // namespace ctms::service
