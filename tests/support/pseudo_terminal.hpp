// SPDX-License-Identifier: MPL-2.0
// A program in a terminal of its own, which the test holds the other end of. Everything that it prints is kept. Not thread
// safe. Its destructor kills what still runs. Throws std::runtime_error when no terminal is available.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace ctms::test {

class pseudo_terminal {
public:
    /// Starts words[0] with these arguments, the variables given ("NAME=value") and PATH.
    pseudo_terminal(const std::vector<std::string>& words, const std::vector<std::string>& environment, int columns = 80, int lines = 24);
    ~pseudo_terminal();
    pseudo_terminal(const pseudo_terminal&) = delete;
    pseudo_terminal& operator=(const pseudo_terminal&) = delete;

    /// As a person at the keyboard.
    void type(std::string_view keys) const;
    void resize(int columns, int lines) const;
    void signal(int number) const;

    /// Reads until what was printed behind position `from` holds `text`; false when `limit` passed or the program ended first.
    bool shows(std::string_view text, std::size_t from = 0, std::chrono::milliseconds limit = std::chrono::seconds(15));
    /// Everything printed so far.
    [[nodiscard]] const std::string& output() const { return output_; }

    /// Reads what comes until the program ends; its exit code, or 128 + signal, or -1 when `limit` passed first.
    int wait(std::chrono::milliseconds limit = std::chrono::seconds(15));

    /// How the terminal is set.
    [[nodiscard]] termios settings() const;

private:
    bool read_some(std::chrono::milliseconds limit);

    pid_t child_ = 0;
    int terminal_ = -1;
    int program_end_ = -1; ///< held open: the terminal's settings outlive the program
    std::string output_;
};

} // namespace ctms::test
