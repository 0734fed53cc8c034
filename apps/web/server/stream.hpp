// SPDX-License-Identifier: MPL-2.0
// Answers that are sent while they are made: each piece comes from the lane of the route, and the next is asked for when the
// client has taken the last. So one piece is all that lies in memory, and a client that does not read holds neither a thread
// nor a database connection. Private to the server; runs on the one thread of the sockets.
#pragma once

#include "session.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

namespace ctms::web {

/// Where an answer goes, and what the server lends for it.
struct stream_target {
    http::stream& to;
    http::memory_share& memory;
    const session_environment& shared;
};

using stream_head = boost::beast::http::response<boost::beast::http::empty_body>;

/// Writes the head, the body and all that follows it, in chunks if the head says so. False when it ended before its end,
/// which the facts of `one` tell then (`cut`, and `error` if it was not for the client). No last chunk is written in that case,
/// and without chunks the connection is reset: the client can see that something is missing.
[[nodiscard]] boost::asio::awaitable<bool> write_stream(stream_target target, stream_head& head, exchange& one);

} // namespace ctms::web
