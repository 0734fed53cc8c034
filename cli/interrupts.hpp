// SPDX-License-Identifier: MPL-2.0
// SIGINT, SIGTERM and SIGHUP as something to look at, for commands that stop in good order. Unlike support::stop_signals it
// may be made when threads run already. The second signal of a kind ends the program as if this was not there.
// One at a time, used by one thread; requested() may be called from any.
#pragma once

#include <csignal>
#include <map>

namespace ctms::cli {

class interrupts {
public:
    /// `resizes`: changes of the terminal's size (SIGWINCH) make the descriptor readable, too.
    explicit interrupts(bool resizes = false);
    ~interrupts(); ///< as it was before
    interrupts(const interrupts&) = delete;
    interrupts& operator=(const interrupts&) = delete;

    [[nodiscard]] static bool requested();
    /// Readable since a signal came, until clear(): for poll().
    [[nodiscard]] int descriptor() const;
    void clear() const;

private:
    std::map<int, struct sigaction> before_;
};

} // namespace ctms::cli
