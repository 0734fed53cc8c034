// SPDX-License-Identifier: MPL-2.0
// Reads requests from a stream one after another, as RFC 9112 requires of an origin server, within limits on size and time.
// Beast parses; the reader decides what is accepted. It passes bytes to the parser inside the coroutine, so that an exception
// of the parser ends only this connection. Trailers count towards the limit on headers and are dropped. A body of any length can be read in
// parts. Not thread safe.
#pragma once

#include "memory.hpp"
#include "request_rules.hpp"
#include "stream.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
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
    bool in_parts = false;   ///< the body has not been read: read_part() reads it
};

/// The connection has ended or is no longer usable.
struct ended {};

/// Called with the head of each accepted request before its body is read. Returns the share that the memory of the body counts
/// towards, or nullptr if the body must not be read. The share must live until the body has been read.
using head_listener = std::function<memory_share*(const request_head&)>;

/// Decides from the head of an accepted request whether its body, of any length, is read in parts. Called before the head_listener.
using parts_predicate = std::function<bool(const request_head&)>;

class reader {
public:
    /// `from` and `bounds` must outlive the reader. Without `in_parts`, no body is read in parts.
    reader(stream& from, const read_bounds& bounds, head_listener on_head, parts_predicate in_parts = {});
    ~reader();
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

    /// Whether bytes of another request have already been received.
    [[nodiscard]] bool has_input() const noexcept { return buffer_.size() > 0; }
    /// Waits for the first bytes of a request until the stream's deadline. Returns false if the connection ends first.
    [[nodiscard]] boost::asio::awaitable<bool> wait_for_input();
    /// Reads one whole request, or only its head if the body must not be read; in that case nothing more can be read.
    [[nodiscard]] boost::asio::awaitable<std::variant<message, refusal, ended>> read();
    /// Before the first part: sends "100 Continue" if the client waits for it. Returns false if the connection ends.
    [[nodiscard]] boost::asio::awaitable<bool> accept_parts();
    /// Reads the next part of the body of such a request: what has arrived, at least one byte unless the body ends, and not much more than
    /// `enough` bytes. Replaces `part`. Its size counts towards `memory`. Returns whether another part follows. Ends at the stream's
    /// deadline, after which `ended` is returned and another part may be read. After a refusal nothing more can be read.
    [[nodiscard]] boost::asio::awaitable<std::variant<bool, refusal, ended>> read_part(std::string& part, std::size_t enough,
                                                                                       memory_share& memory);
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
    boost::asio::awaitable<boost::system::error_code> go_on(const parsing& one);
    boost::asio::awaitable<void> read_body(parsing& one, memory_share& memory, std::optional<std::size_t> enough);

    stream& from_;
    const read_bounds& bounds_;
    head_listener on_head_;
    parts_predicate in_parts_;
    std::unique_ptr<parsing> parts_; ///< of the latest request, if its body is read in parts
    boost::beast::flat_buffer buffer_;
    bool is_for_head_ = false;
};

} // namespace ctms::http
