// SPDX-License-Identifier: MPL-2.0
// Runs ctms-web as a child process on a free loopback port, for tests that kill it.
// Not thread safe except for port(). The destructor kills the process if it still runs.
#pragma once

#include "child_process.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ctms::test {

class server_process {
public:
    /// Starts `program` with HOST, PORT=0 and the given variables ("NAME=value"), and waits until it listens.
    /// Throws std::runtime_error with its output when it does not listen within a minute.
    server_process(std::string program, const std::vector<std::string>& variables);

    [[nodiscard]] std::uint16_t port() const { return port_; }

    [[nodiscard]] pid_t id() const { return child_.id(); }
    void signal(int number) const { child_.signal(number); }
    /// Waits for the process to end. Returns its exit code, 128 + signal, or -1 if `limit` passes first.
    int wait(std::chrono::milliseconds limit) { return child_.wait(limit); }
    /// What the process wrote to standard error.
    [[nodiscard]] std::string log() const { return child_.log(); }

private:
    child_process child_;
    std::uint16_t port_ = 0;
};

} // namespace ctms::test
