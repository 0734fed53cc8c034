// SPDX-License-Identifier: MPL-2.0
// Waits for a condition. Thread safe if the condition is.
#pragma once

#include <chrono>
#include <thread>

namespace ctms::test {

/// Returns true as soon as `condition()` does, and false if it did not before `limit`. The default is long, because transactions of
/// other tests in the same cluster hold the feed back, and because machines are busy.
template <class Condition>
[[nodiscard]] bool becomes_true(const Condition& condition, std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

} // namespace ctms::test
