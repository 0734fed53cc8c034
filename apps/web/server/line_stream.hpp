// SPDX-License-Identifier: MPL-2.0
// Runs a line_exchange over a connection. Private to the server; runs on the I/O thread.
#pragma once

#include "stream.hpp"

#include <support/http/reader.hpp>
#include <support/http/response_head.hpp>

#include <boost/asio/awaitable.hpp>

namespace ctms::web {

/// Where the body of a request is read in parts.
struct body_source_of_client {
    http::reader& from;
    bool& is_waiting;                    ///< set while the connection waits for the client to send
    std::chrono::milliseconds line_time; ///< how long the next complete line may take
};

/// Reads lines, has them done on the lane of the route, and writes what the response says about them, in turn. If the exchange must end
/// before the body, because the client does not send a complete line in time, the server stops or the exchange says so, the response ends
/// with a line that says why, and `one.facts.cut` names the reason. Returns whether the connection can be used for another request.
[[nodiscard]] boost::asio::awaitable<bool> exchange_lines(stream_target target, body_source_of_client body, const http::response_head& head,
                                                          exchange& one);

} // namespace ctms::web
