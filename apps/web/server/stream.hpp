// SPDX-License-Identifier: MPL-2.0
// Streamed responses: the lane of the route makes each piece, while the client receives the one before it. So two pieces are in memory at a
// time, and the second waits for the client: one that does not read blocks neither a thread nor a database connection. Private to the
// server; runs on the I/O thread.
#pragma once

#include "session.hpp"

#include <support/http/response_head.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace ctms::web {

/// Where a response is written, with the memory share and the environment that it uses.
struct stream_target {
    http::stream& to;
    http::memory_share& memory;
    const session_environment& shared;
    std::chrono::milliseconds write_time; ///< for each 64 KiB
};

/// How the writing of a response went.
enum class written : std::uint8_t {
    whole,   ///< everything that was made is sent
    refused, ///< the client did not take it in time or is gone, or the connection was closed
    unmade   ///< the server could not make the rest
};

/// Writes the head.
[[nodiscard]] boost::asio::awaitable<boost::system::error_code> write_head(const stream_target& target, const http::response_head& head);

/// Writes a piece of the body, as chunks if `chunked`, with the time limit of a response for each 64 KiB.
[[nodiscard]] boost::asio::awaitable<boost::system::error_code> write_piece(const stream_target& target, std::string_view piece,
                                                                            bool chunked);

/// Ends a response, with the last chunk if it is whole. Returns false if it is cut short, with the effects that write_stream() describes.
[[nodiscard]] boost::asio::awaitable<bool> end_stream(const stream_target& target, exchange& one, bool chunked, written how);

/// The bytes of memory to count before a response in pieces begins, in addition to its first piece: for the piece that is made while the
/// client receives the first one, and for what compression holds. write_stream() counts what later pieces take beyond that.
[[nodiscard]] std::size_t memory_of_stream(const response& answer);

/// Writes the head, the body and all pieces after it, chunked if the head says so. Returns false if the response was cut short;
/// `one->facts.cut` then holds the reason, and `error` is set if the server caused it. In that case no last chunk is written, or
/// without chunks the connection is reset, so that the client can tell that the response is incomplete.
[[nodiscard]] boost::asio::awaitable<bool> write_stream(stream_target target, const http::response_head& head,
                                                        std::shared_ptr<exchange> one);

} // namespace ctms::web
