// SPDX-License-Identifier: MPL-2.0
// The clock of leases. Unlike std::chrono::steady_clock, it goes on while the machine is suspended, as the database's clock does
// (CLOCK_BOOTTIME in clock_gettime(2)). So a worker on a machine that was suspended knows that its leases have ended. Private to
// this layer.
#pragma once

#include <chrono>
#include <ctime>

namespace ctms::service {

struct lease_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<lease_clock>;
    static constexpr bool is_steady = true;

    /// Time since the machine was started. Thread safe.
    [[nodiscard]] static time_point now() noexcept {
        std::timespec since_boot{};
        ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
        return time_point(std::chrono::seconds(since_boot.tv_sec) + duration(since_boot.tv_nsec));
    }
};

} // namespace ctms::service
