// SPDX-License-Identifier: MPL-2.0
// Turns SIGINT, SIGTERM and SIGHUP into a flag that commands check so that they can stop cleanly. Unlike support::stop_signals,
// it may be created when threads are already running. The second signal of a kind ends the program as it would without this
// class. Create one at a time and use it on one thread; any thread may call requested().
#pragma once

#include <csignal>
#include <map>

namespace ctms::cli {

class interrupts {
public:
    /// If `resizes`, changes of the terminal's size (SIGWINCH) also make the descriptor readable.
    explicit interrupts(bool resizes = false);
    ~interrupts(); ///< restores the previous signal handlers
    interrupts(const interrupts&) = delete;
    interrupts& operator=(const interrupts&) = delete;

    [[nodiscard]] static bool requested();
    /// A descriptor for poll() that is readable from when a signal arrives until clear().
    [[nodiscard]] int descriptor() const;
    void clear() const;

private:
    std::map<int, struct sigaction> before_;
};

} // namespace ctms::cli
