// SPDX-License-Identifier: MPL-2.0
// An accepted connection, plain or TLS, on which every operation ends at an absolute deadline.
// An operation that begins after the deadline fails immediately, including those with which TLS reads and writes records. The owner
// calls enforce() several times a second, which cancels operations that are pending after the deadline, repeatedly until the owner
// reacts. The stream has no timer and no handler that could outlive it. Not thread safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <memory>

namespace boost::asio::ssl {
class context;
}

namespace ctms::http {

/// The token with which a coroutine waits for an operation and gets its error in `failed` instead of an exception.
[[nodiscard]] inline auto into(boost::system::error_code& failed) {
    return boost::asio::redirect_error(boost::asio::use_awaitable, failed);
}

class stream {
public:
    using socket_type = boost::asio::ip::tcp::socket;
    using error_code = boost::system::error_code;
    using time_point = std::chrono::steady_clock::time_point;

    /// If `tls` is set, call shake_hands() before reading or writing anything.
    explicit stream(socket_type socket, std::shared_ptr<boost::asio::ssl::context> tls = nullptr);
    ~stream();
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    [[nodiscard]] socket_type::executor_type get_executor();
    [[nodiscard]] bool is_open() const;
    [[nodiscard]] bool is_tls() const noexcept;
    /// Whether the client has already closed its end.
    [[nodiscard]] bool peer_has_closed();

    /// Sets the deadline of pending and future operations.
    void expire_at(time_point when) noexcept;
    void expire_after(std::chrono::milliseconds time) noexcept { expire_at(std::chrono::steady_clock::now() + time); }
    void expire_never() noexcept { expire_at(time_point::max()); }
    [[nodiscard]] bool expired() const noexcept;
    /// From now on, the connection fails if the client's system does not acknowledge what was sent for this long (TCP_USER_TIMEOUT, RFC
    /// 5482), as if the client had crashed. Without it, the system tries for a quarter of an hour.
    void give_up_without_answer_after(std::chrono::milliseconds time) noexcept;
    /// From now on, the system keeps at most about twice as many bytes that were written and not acknowledged (SO_SNDBUF, socket(7)).
    void keep_at_most(int bytes) noexcept;
    /// Cancels pending operations if the deadline has passed. The connection stays open, so that a response can still be written.
    void enforce(time_point now) noexcept;

    /// Performs the server's side of the TLS handshake; does nothing without TLS.
    [[nodiscard]] boost::asio::awaitable<error_code> shake_hands();
    /// Reads at least one byte, and returns how many were read; on failure sets `failed`.
    [[nodiscard]] boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer, error_code& failed);
    /// Whether something has already arrived, so that read_some() would probably not wait.
    [[nodiscard]] bool has_input();
    /// Writes all buffers, whose bytes must exist until it has completed. Unused buffers are empty.
    [[nodiscard]] boost::asio::awaitable<error_code> write(std::array<boost::asio::const_buffer, 3> buffers);
    /// Shuts down sending: sends TLS's close_notify and ends the TCP stream. What the client sends can still be read.
    [[nodiscard]] boost::asio::awaitable<void> finish_sending();
    /// Closes the connection immediately; pending operations fail.
    void close() noexcept;
    /// Closes with a TCP reset, so that the client can tell that the response is incomplete.
    void reset() noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::http
