// SPDX-License-Identifier: MPL-2.0
// An accepted connection, plain or TLS, whose every wait ends at an absolute deadline. It models Asio's AsyncReadStream and
// AsyncWriteStream, so that async_write and Beast's serializers work on it.
// The deadline holds whatever completes first: an operation that begins after it fails at once, and enforce(), which the owner
// calls several times a second, cancels an operation that waits past it, again and again until the owner has noticed.
// There is no timer and no handler here that could outlive the stream. Not thread safe.
#pragma once

#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace ctms::http {

class stream {
public:
    using socket_type = boost::asio::ip::tcp::socket;
    using executor_type = socket_type::executor_type;
    using error_code = boost::system::error_code;
    using time_point = std::chrono::steady_clock::time_point;

    /// With `tls`, shake_hands() must come before anything is read or written.
    explicit stream(socket_type socket, std::shared_ptr<boost::asio::ssl::context> tls = nullptr);
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    [[nodiscard]] executor_type get_executor() { return socket_.get_executor(); }
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }
    [[nodiscard]] bool is_tls() const noexcept { return tls_.has_value(); }
    /// The socket below, for its addresses and options.
    [[nodiscard]] socket_type& socket() noexcept { return socket_; }

    /// Sets the deadline of all that follows, and of an operation that waits now.
    void expire_at(time_point when) noexcept { until_ = when; }
    void expire_after(std::chrono::milliseconds time) noexcept { expire_at(std::chrono::steady_clock::now() + time); }
    void expire_never() noexcept { expire_at(time_point::max()); }
    [[nodiscard]] bool expired() const noexcept { return std::chrono::steady_clock::now() >= until_; }
    /// Cancels what waits when the deadline has passed. The connection stays open, so that an answer can still be written.
    void enforce(time_point now) noexcept;

    /// The server's side of the TLS handshake; nothing without TLS.
    [[nodiscard]] boost::asio::awaitable<error_code> shake_hands();
    /// Ends what is sent: close_notify of TLS, and the end of the TCP stream. What the client sends can still be read.
    [[nodiscard]] boost::asio::awaitable<void> finish_sending();
    /// Closes at once; operations that wait fail.
    void close() noexcept;
    /// The same with a reset, by which the client can tell that something is missing.
    void reset() noexcept;

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const auto& into) {
                if (expired()) return refuse(std::move(handler));
                if (tls_ && !finished_) return tls_->async_read_some(into, std::move(handler));
                socket_.async_read_some(into, std::move(handler));
            },
            token, buffers);
    }

    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const auto& from) {
                if (expired()) return refuse(std::move(handler));
                if (tls_) return tls_->async_write_some(from, std::move(handler));
                socket_.async_write_some(from, std::move(handler));
            },
            token, buffers);
    }

private:
    template <class Handler>
    void refuse(Handler handler) {
        const error_code timed_out = boost::asio::error::timed_out;
        boost::asio::post(get_executor(), boost::asio::append(std::move(handler), timed_out, std::size_t{0}));
    }

    socket_type socket_;
    std::shared_ptr<boost::asio::ssl::context> context_; ///< kept while the connection uses it
    std::optional<boost::asio::ssl::stream<socket_type&>> tls_;
    time_point until_ = time_point::max();
    bool finished_ = false; ///< all is sent: what still comes is dropped, and not decrypted
};

} // namespace ctms::http
