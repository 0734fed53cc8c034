// SPDX-License-Identifier: MPL-2.0
// The terminal as a page to draw on: the alternate screen, without echo, keys one by one. Its destructor gives it back as it
// was. One at a time; for one thread. Throws std::runtime_error when standard output is not a terminal.
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
    /// As it is now; 80 by 24 when the terminal does not say.
    [[nodiscard]] static size now();

    /// Shows these lines, the first and the last one in reverse. False when the terminal is gone.
    bool draw(const std::vector<std::string>& lines);

    /// Keys that were pressed and not read yet; nullopt when there will be no more.
    [[nodiscard]] static std::optional<std::string> keys();

private:
    std::optional<termios> before_; ///< nullopt: standard input is not a terminal
};

} // namespace ctms::cli
