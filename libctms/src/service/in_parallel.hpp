// SPDX-License-Identifier: MPL-2.0
// Does work in parallel, for calls that spend their time waiting. Private to this layer.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace ctms::service {

/// Runs `work(i)` for each i below `count`, on at most `threads` threads, while `go_on()` returns true. Neither may throw.
inline void in_parallel(int threads, std::size_t count, const std::function<bool()>& go_on, const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next = 0;
    const auto run = [&] {
        while (go_on()) {
            const auto mine = next.fetch_add(1);
            if (mine >= count) return;
            work(mine);
        }
    };
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(static_cast<std::size_t>(threads), count); ++i) others.emplace_back(run);
    run();
}

} // namespace ctms::service
