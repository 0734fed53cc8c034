// SPDX-License-Identifier: MPL-2.0
// Batches of an import that have a contact or an address in common are stored one after the other, in the order in which they came; others
// at the same time. Private to this layer.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
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
        ~place() { gate_.leave(about_, number_); }
        place(const place&) = delete;
        place& operator=(const place&) = delete;

        /// Waits until all earlier batches with a key in common have left. They do not wait for this one, so this ends when they are
        /// stored.
        void wait() { gate_.wait(about_, number_); }

    private:
        import_gate& gate_;
        const keys about_;
        std::uint64_t number_ = 0;
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

    void wait(const keys& about, std::uint64_t number) {
        std::unique_lock lock(mutex_);
        for (const auto key : about) left_.wait(lock, [&] { return queues_.at(key).front() == number; });
    }

    void leave(const keys& about, std::uint64_t number) noexcept {
        const std::lock_guard lock(mutex_);
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
};

} // namespace ctms::service
