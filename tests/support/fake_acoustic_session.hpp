// SPDX-License-Identifier: MPL-2.0
// One connection to the fake vendor. It handles one request after another, on the thread of the server's io_context.
#pragma once

#include <support/fake_acoustic_vendor.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace ctms::test {

/// What all connections share. It outlives them.
struct session_environment {
    fake_vendor& vendor;
    boost::asio::ssl::context* tls;                       ///< null without TLS
    std::function<void(std::chrono::milliseconds)> sleep; ///< takes the server down for a while
};

class fake_acoustic_session {
public:
    virtual ~fake_acoustic_session() = default;

    /// Closes the connection. Everything it waits for ends, and a call whose latency has not passed has no effect.
    virtual void cut() = 0;
};

/// Serves a connection until it ends, and then calls `ended`.
std::shared_ptr<fake_acoustic_session> start_session(boost::asio::ip::tcp::socket socket, const session_environment& shared,
                                                     std::function<void()> ended);

} // namespace ctms::test
