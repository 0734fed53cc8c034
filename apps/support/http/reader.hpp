// SPDX-License-Identifier: MPL-2.0
// Reads requests from a stream as RFC 9112 asks of an origin server, one after the other, within bounds of bytes and time.
// Beast parses; this decides what is taken. Bytes are put into the parser here, inside the coroutine: whatever the parser
// throws ends this connection only. Trailers are read within the bound of the headers and dropped. Not thread safe.
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

/// What one request may take.
struct read_bounds {
    std::size_t header_bytes = 16 * 1024;          ///< request line, headers and trailers together: 431
    std::size_t body_bytes = 1024 * 1024;          ///< 413
    std::chrono::milliseconds header_time{10'000}; ///< from the first byte to the end of the headers: 408
    std::chrono::milliseconds body_time{30'000};   ///< from there to the end of the body: 408
};

/// A request as it was sent. Header names are in lower case, in the order sent.
struct message {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool http_1_1 = true;    ///< false: HTTP/1.0
    bool keep_alive = false; ///< the client allows another request on this connection
    bool whole = true;       ///< false: its body was not read, as the owner of the reader decided
};

/// The connection ended, or is of no use any more.
struct ended {};

/// Called with the head of each request that is taken, before its body is read: what the memory for the body is counted to, or
/// nullptr when the body is not to be read. The memory must last until the body is read.
using head_listener = std::function<memory_share*(const request_head&)>;

class reader {
public:
    /// All of them must outlive it.
    reader(stream& from, const read_bounds& bounds, head_listener on_head) : from_(from), bounds_(bounds), on_head_(std::move(on_head)) {}

    /// True when bytes of another request are there already.
    [[nodiscard]] bool has_input() const noexcept { return buffer_.size() > 0; }
    /// Waits for the first bytes of a request, until the stream's deadline. False when the connection ends before.
    [[nodiscard]] boost::asio::awaitable<bool> wait_for_input();
    /// Reads one whole request, or its head when its body is not to be read: nothing more can be read after that.
    [[nodiscard]] boost::asio::awaitable<std::variant<message, refusal, ended>> read();
    /// Whether the method of the request that came last is known to be HEAD, also when it was refused: no answer to it has a body
    /// (RFC 9110, 9.3.2).
    [[nodiscard]] bool is_for_head() const noexcept { return is_for_head_; }
    /// Reads and drops what the client still sends, until it ends or the stream's deadline: closing before would reset the
    /// connection, and the client would lose the last answer.
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
