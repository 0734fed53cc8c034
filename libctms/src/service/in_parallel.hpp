// SPDX-License-Identifier: MPL-2.0
// Does work in parallel, for calls that spend their time waiting. Private to this layer.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace ctms::service {

/// Runs `work(i)` for each i below `count`, on at most `threads` threads, while `go_on()` returns true. Uses fewer threads if not all
/// of them can be started, at least the caller's. If a call throws, nothing more is begun, and the exception of the first one is
/// thrown again when the calls in progress have ended.
inline void in_parallel(int threads, std::size_t count, const std::function<bool()>& go_on, const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next = 0;
    std::mutex mutex;
    std::exception_ptr failure; // guarded by the mutex until the other threads have ended
    const auto run = [&]() noexcept {
        try {
            while (go_on()) {
                const auto mine = next.fetch_add(1);
                if (mine >= count) return;
                work(mine);
            }
        } catch (...) {
            next = count;
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> others;
        try {
            for (std::size_t i = 1; i < std::min(static_cast<std::size_t>(threads), count); ++i) others.emplace_back(run);
        } catch (const std::system_error&) { // no more threads
        } catch (const std::bad_alloc&) {
        }
        run();
    }
    if (failure) std::rethrow_exception(failure);
}

} // namespace ctms::service
