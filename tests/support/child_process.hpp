// SPDX-License-Identifier: MPL-2.0
// A program as a process of its own, with the environment that a test makes for it, and what it prints and logs.
// Not thread safe. Its destructor kills what still runs.
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
    /// Starts `program`, a path or a name on PATH, with nothing but the variables given and PATH.
    child_process(std::string program, const environment& variables, std::vector<std::string> arguments = {});
    ~child_process();
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    void signal(int number) const;
    [[nodiscard]] pid_t id() const { return child_; }
    /// Waits for its end; the exit code, or 128 + signal, or -1 when `limit` passed first.
    int wait(std::chrono::milliseconds limit = std::chrono::seconds(20));

    [[nodiscard]] std::string output() const;
    /// What it wrote to standard error.
    [[nodiscard]] std::string log() const;
    /// The whole lines of its log. Throws when one is not JSON.
    [[nodiscard]] std::vector<boost::json::object> lines() const;
    /// Fields of the lines with that `msg`, oldest first.
    [[nodiscard]] std::vector<boost::json::object> fields_of(std::string_view message) const;
    /// True as soon as there are `count` such lines; false when it ended or `limit` passed before.
    [[nodiscard]] bool logs(std::string_view message, std::size_t count = 1, std::chrono::milliseconds limit = std::chrono::seconds(10));

private:
    pid_t child_ = 0;
    int exit_code_ = -1;
    int out_ = -1;
    int log_ = -1;
};

} // namespace ctms::test
