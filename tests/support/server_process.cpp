// SPDX-License-Identifier: MPL-2.0
#include "server_process.hpp"

#include <charconv>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

environment with_address(const std::vector<std::string>& variables) {
    environment out{{"HOST", "127.0.0.1"}, {"PORT", "0"}};
    for (const auto& variable : variables) {
        const auto equals = variable.find('=');
        out.emplace(variable.substr(0, equals), variable.substr(equals + 1));
    }
    return out;
}

/// The port in the log line "Listening"; 0 until the line is there.
std::uint16_t listening_port(const std::string& log) {
    constexpr std::string_view key = "\"port\":";
    if (log.find("\"Listening\"") == std::string::npos) return 0;
    const auto at = log.find(key);
    std::uint16_t port = 0;
    if (at != std::string::npos) std::from_chars(log.data() + at + key.size(), log.data() + log.size(), port);
    return port;
}

} // namespace

server_process::server_process(std::string program, const std::vector<std::string>& variables)
    : child_(std::move(program), with_address(variables)) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while ((port_ = listening_port(log())) == 0) {
        if (std::chrono::steady_clock::now() > deadline || wait(0ms) != -1) throw std::runtime_error("ctms-web does not listen: " + log());
        std::this_thread::sleep_for(2ms);
    }
}

} // namespace ctms::test
