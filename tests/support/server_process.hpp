// SPDX-License-Identifier: MPL-2.0
// The program ctms-web as a process of its own, on a free port of the loopback: for tests that kill it.
// Not thread safe but for port(). Its destructor kills what still runs.
#pragma once

#include "child_process.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ctms::test {

class server_process {
public:
    /// Starts `program` with HOST, PORT=0 and the variables given ("NAME=value"), and waits until it listens.
    /// Throws std::runtime_error with what it printed when it does not within ten seconds.
    server_process(std::string program, const std::vector<std::string>& variables);

    [[nodiscard]] std::uint16_t port() const { return port_; }

    [[nodiscard]] pid_t id() const { return child_.id(); }
    void signal(int number) const { child_.signal(number); }
    /// Waits for its end; the exit code, or 128 + signal, or -1 when `limit` passed first.
    int wait(std::chrono::milliseconds limit) { return child_.wait(limit); }
    /// What it wrote to standard error.
    [[nodiscard]] std::string log() const { return child_.log(); }

private:
    child_process child_;
    std::uint16_t port_ = 0;
};

} // namespace ctms::test
