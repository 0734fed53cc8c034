// SPDX-License-Identifier: MPL-2.0
// Runs a program as a child process, with an environment that the test chooses, and captures its output and its log.
// Not thread safe. The destructor kills the process if it still runs.
#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ctms::test {

using environment = std::map<std::string, std::string>;

class child_process {
public:
    /// Starts `program`, a path or a name on PATH. Its environment holds only `variables` and PATH.
    child_process(std::string program, const environment& variables, std::vector<std::string> arguments = {});
    ~child_process();
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    void signal(int number) const;
    [[nodiscard]] pid_t id() const { return child_; }
    /// Waits for the process to end. Returns its exit code, 128 + signal, or -1 if `limit` passes first.
    int wait(std::chrono::milliseconds limit = std::chrono::seconds(60));

    [[nodiscard]] std::string output() const;
    /// What the process wrote to standard error.
    [[nodiscard]] std::string log() const;
    /// The complete lines of the log. Throws when a line is not JSON.
    [[nodiscard]] std::vector<boost::json::object> lines() const;
    /// The fields of the log lines whose `msg` is `message`, oldest first.
    [[nodiscard]] std::vector<boost::json::object> fields_of(std::string_view message) const;
    /// Waits for `count` such lines. True as soon as they are there; false if the process ends or `limit` passes first.
    [[nodiscard]] bool logs(std::string_view message, std::size_t count = 1, std::chrono::milliseconds limit = std::chrono::seconds(60));

private:
    pid_t child_ = 0;
    int exit_code_ = -1;
    int out_ = -1;
    int log_ = -1;
};

} // namespace ctms::test
