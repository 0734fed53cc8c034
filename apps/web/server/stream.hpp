// SPDX-License-Identifier: MPL-2.0
// Streamed responses: the lane of the route makes each piece, and the next piece is made only after the client has received the
// previous one. Only one piece is in memory at a time, and a client that does not read blocks neither a thread nor a database
// connection. Private to the server; runs on the I/O thread.
#pragma once

#include "session.hpp"

#include <support/http/response_head.hpp>

namespace ctms::web {

/// Where a response is written, with the memory share and the environment that it uses.
struct stream_target {
    http::stream& to;
    http::memory_share& memory;
    const session_environment& shared;
};

/// Writes the head, the body and all pieces after it, chunked if the head says so. Returns false if the response was cut short;
/// `one.facts.cut` then holds the reason, and `error` is set if the server caused it. In that case no last chunk is written, or
/// without chunks the connection is reset, so that the client can tell that the response is incomplete.
[[nodiscard]] boost::asio::awaitable<bool> write_stream(stream_target target, const http::response_head& head, exchange& one);

} // namespace ctms::web
