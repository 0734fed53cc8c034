// SPDX-License-Identifier: MPL-2.0
// The addresses of a host, with a deadline. Thread safe. Private to net.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ctms::net {

struct resolved {
    boost::system::error_code ec; ///< asio::error::timed_out after the deadline
    std::vector<boost::asio::ip::tcp::endpoint> endpoints{};
};

/// Asks the system's resolver (hosts file, DNS). If `host` is an address, returns it without asking.
/// The resolver cannot be interrupted. At the deadline the call returns, but leaves a thread that waits until the resolver
/// gives up (with glibc's defaults after 10 seconds for each name server). Nothing waits for that thread.
/// Throws std::system_error if no thread can be started.
[[nodiscard]] resolved resolve(const std::string& host, std::uint16_t port, std::chrono::steady_clock::time_point until);

} // namespace ctms::net
