// SPDX-License-Identifier: MPL-2.0
// The addresses of a host, with a deadline. Thread safe. Private to net.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace ctms::net {

struct resolved {
    boost::system::error_code ec; ///< asio::error::timed_out past the deadline
    std::vector<boost::asio::ip::tcp::endpoint> endpoints{};
};

/// Asks the system's resolver (hosts file, DNS). An address is answered at once, without asking anybody.
/// The resolver cannot be interrupted. Past the deadline the caller goes on, and what remains is a thread that waits for
/// the resolver to give up (with glibc's defaults after 10 seconds for each name server); nothing waits for that thread.
/// Throws std::system_error when there can be no thread.
[[nodiscard]] resolved resolve(const std::string& host, std::uint16_t port, std::chrono::steady_clock::time_point until);

} // namespace ctms::net
