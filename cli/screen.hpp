// SPDX-License-Identifier: MPL-2.0
// Draws on the terminal: uses the alternate screen, disables echo and reads single keys. The destructor restores the terminal.
// Create one at a time and use it on one thread. Throws std::runtime_error if standard output is not a terminal.
#pragma once

#include <termios.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ctms::cli {

class screen {
public:
    screen();
    ~screen();
    screen(const screen&) = delete;
    screen& operator=(const screen&) = delete;

    struct size {
        std::size_t columns;
        std::size_t lines;
    };
    /// The current size of the terminal; 80 by 24 if it is unknown.
    [[nodiscard]] static size now();

    /// Shows these lines, the first and the last one in reverse video. Returns false if the terminal is gone.
    bool draw(const std::vector<std::string>& lines);

    /// The keys that were pressed since the last call; nullopt at the end of the input.
    [[nodiscard]] static std::optional<std::string> keys();

private:
    std::optional<termios> before_; ///< nullopt: standard input is not a terminal
};

} // namespace ctms::cli
