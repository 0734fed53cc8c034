// SPDX-License-Identifier: MPL-2.0
// Reads requests from a stream one after another, as RFC 9112 requires of an origin server, within limits on size and time.
// Beast parses; the reader decides what is accepted. It passes bytes to the parser inside the coroutine, so that an exception
// of the parser ends only this connection. Trailers count towards the limit on headers and are dropped. Not thread safe.
#pragma once

#include "memory.hpp"
#include "request_rules.hpp"
#include "stream.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ctms::http {

/// The limits of one request, with the status beyond each.
struct read_bounds {
    std::size_t header_bytes = 16 * 1024;          ///< request line, headers and trailers together; beyond: 431
    std::size_t body_bytes = 1024 * 1024;          ///< beyond: 413
    std::chrono::milliseconds header_time{10'000}; ///< from the first byte to the end of the headers; then 408
    std::chrono::milliseconds body_time{30'000};   ///< from there to the end of the body; then 408
};

/// A request as it was sent. Headers are in the order sent, with names in lower case.
struct message {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool http_1_1 = true;    ///< false: HTTP/1.0
    bool keep_alive = false; ///< the client allows another request on this connection
    bool whole = true;       ///< false: the body was not read, because the head_listener refused it
};

/// The connection has ended or is no longer usable.
struct ended {};

/// Called with the head of each accepted request before its body is read. Returns the share that the memory of the body counts
/// towards, or nullptr if the body must not be read. The share must live until the body has been read.
using head_listener = std::function<memory_share*(const request_head&)>;

class reader {
public:
    /// `from` and `bounds` must outlive the reader.
    reader(stream& from, const read_bounds& bounds, head_listener on_head) : from_(from), bounds_(bounds), on_head_(std::move(on_head)) {}

    /// Whether bytes of another request have already been received.
    [[nodiscard]] bool has_input() const noexcept { return buffer_.size() > 0; }
    /// Waits for the first bytes of a request until the stream's deadline. Returns false if the connection ends first.
    [[nodiscard]] boost::asio::awaitable<bool> wait_for_input();
    /// Reads one whole request, or only its head if the body must not be read; in that case nothing more can be read.
    [[nodiscard]] boost::asio::awaitable<std::variant<message, refusal, ended>> read();
    /// Whether the method of the latest request is known to be HEAD, even if the request was refused: responses to HEAD have no body
    /// (RFC 9110, 9.3.2).
    [[nodiscard]] bool is_for_head() const noexcept { return is_for_head_; }
    /// Reads and discards what the client still sends, until it stops or the stream's deadline: closing earlier would reset the
    /// connection, and the client would lose the last response.
    [[nodiscard]] boost::asio::awaitable<void> drain();

private:
    class parsing;

    boost::asio::awaitable<boost::system::error_code> receive(std::size_t most);
    boost::asio::awaitable<void> read_head(parsing& one);
    boost::asio::awaitable<void> read_body(parsing& one, memory_share& memory);

    stream& from_;
    const read_bounds& bounds_;
    head_listener on_head_;
    boost::beast::flat_buffer buffer_;
    bool is_for_head_ = false;
};

} // namespace ctms::http
