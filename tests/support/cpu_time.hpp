// SPDX-License-Identifier: MPL-2.0
// How long work takes on the processor. Unlike the time on a clock, other work on the machine does not change it.
#pragma once

#include <algorithm>
#include <ctime>
#include <limits>

namespace ctms::test {

[[nodiscard]] inline double seconds_of(clockid_t clock) {
    std::timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// CPU time of this thread in seconds.
[[nodiscard]] inline double cpu_seconds() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }
/// CPU time of all threads of this process in seconds.
[[nodiscard]] inline double cpu_seconds_of_process() { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

/// Runs `work` three times on this thread and returns the shortest CPU time in seconds.
template <class Work>
[[nodiscard]] double shortest_cpu_seconds(const Work& work) {
    double least = std::numeric_limits<double>::max();
    for (int i = 0; i < 3; ++i) {
        const auto begin = cpu_seconds();
        work();
        least = std::min(least, cpu_seconds() - begin);
    }
    return least;
}

} // namespace ctms::test
