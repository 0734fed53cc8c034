// SPDX-License-Identifier: MPL-2.0
// Runs a program in a pseudo-terminal whose other end the test holds, and keeps everything it prints. Not thread safe.
// The destructor kills the program if it still runs. Throws std::runtime_error when no terminal is available.
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
    /// Starts words[0] with the other words as arguments. Its environment is `environment` ("NAME=value") and PATH.
    pseudo_terminal(const std::vector<std::string>& words, const std::vector<std::string>& environment, int columns = 80, int lines = 24);
    ~pseudo_terminal();
    pseudo_terminal(const pseudo_terminal&) = delete;
    pseudo_terminal& operator=(const pseudo_terminal&) = delete;

    /// Types as a person at the keyboard would.
    void type(std::string_view keys) const;
    void resize(int columns, int lines) const;
    void signal(int number) const;

    /// Reads until the output after position `from` contains `text`; false if `limit` passes or the program ends first.
    bool shows(std::string_view text, std::size_t from = 0, std::chrono::milliseconds limit = std::chrono::seconds(60));
    /// Everything printed so far.
    [[nodiscard]] const std::string& output() const { return output_; }

    /// Reads until the program ends. Returns its exit code, 128 + signal, or -1 if `limit` passes first.
    int wait(std::chrono::milliseconds limit = std::chrono::seconds(60));

    /// The terminal's settings.
    [[nodiscard]] termios settings() const;

private:
    bool read_some(std::chrono::milliseconds limit);

    pid_t child_ = 0;
    int terminal_ = -1;
    int program_end_ = -1; ///< kept open so that the terminal's settings outlive the program
    std::string output_;
};

} // namespace ctms::test
