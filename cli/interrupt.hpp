// SPDX-License-Identifier: MPL-2.0
// Ctrl-C for work that is done in steps: the first SIGINT or SIGTERM asks it to stop behind the step under way, a second
// one ends the program. One at a time per process; asked() may be called from any thread.
#pragma once

#include <csignal>

namespace ctms::cli {

class interrupt {
public:
    interrupt();
    ~interrupt(); ///< signals are treated as before
    interrupt(const interrupt&) = delete;
    interrupt& operator=(const interrupt&) = delete;

    [[nodiscard]] static bool asked() noexcept;

private:
    struct sigaction before_int_ {};
    struct sigaction before_term_ {};
};

} // namespace ctms::cli
