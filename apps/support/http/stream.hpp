// SPDX-License-Identifier: MPL-2.0
// An accepted connection, plain or TLS, on which every operation ends at an absolute deadline. It models Asio's AsyncReadStream and
// AsyncWriteStream, so that async_write and Beast's serializers can use it.
// An operation that begins after the deadline fails immediately, including those with which TLS reads and writes records. The owner
// calls enforce() several times a second, which cancels operations that are pending after the deadline, repeatedly until the owner
// reacts. The stream has no timer and no handler that could outlive it. Not thread safe.
#pragma once

#include "client_hello.hpp"

#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace ctms::http {

/// The token with which a coroutine waits for an operation and gets its error in `failed` instead of an exception.
[[nodiscard]] inline auto into(boost::system::error_code& failed) {
    return boost::asio::redirect_error(boost::asio::use_awaitable, failed);
}

class stream {
public:
    using socket_type = boost::asio::ip::tcp::socket;
    using executor_type = socket_type::executor_type;
    using error_code = boost::system::error_code;
    using time_point = std::chrono::steady_clock::time_point;

    /// If `tls` is set, call shake_hands() before reading or writing anything.
    explicit stream(socket_type socket, std::shared_ptr<boost::asio::ssl::context> tls = nullptr);
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    [[nodiscard]] executor_type get_executor() { return wire_.get_executor(); }
    [[nodiscard]] bool is_open() const { return wire_.socket.is_open(); }
    [[nodiscard]] bool is_tls() const noexcept { return tls_.has_value(); }
    /// The underlying socket, for its addresses and options.
    [[nodiscard]] socket_type& socket() noexcept { return wire_.socket; }
    /// Whether the client has already closed its end.
    [[nodiscard]] bool peer_has_closed();

    /// Sets the deadline of pending and future operations.
    void expire_at(time_point when) noexcept { wire_.until = when; }
    void expire_after(std::chrono::milliseconds time) noexcept { expire_at(std::chrono::steady_clock::now() + time); }
    void expire_never() noexcept { expire_at(time_point::max()); }
    [[nodiscard]] bool expired() const noexcept { return wire_.expired(); }
    /// Cancels pending operations if the deadline has passed. The connection stays open, so that a response can still be written.
    void enforce(time_point now) noexcept;

    /// Performs the server's side of the TLS handshake; does nothing without TLS.
    [[nodiscard]] boost::asio::awaitable<error_code> shake_hands();
    /// Shuts down sending: sends TLS's close_notify and ends the TCP stream. What the client sends can still be read.
    [[nodiscard]] boost::asio::awaitable<void> finish_sending();
    /// Closes the connection immediately; pending operations fail.
    void close() noexcept;
    /// Closes with a TCP reset, so that the client can tell that the response is incomplete.
    void reset() noexcept;

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const auto& into) {
                // TLS can deliver data that it has already decrypted without reading from the socket.
                if (tls_ && !finished_ && !expired()) return tls_->async_read_some(into, std::move(handler));
                wire_.async_read_some(into, std::move(handler));
            },
            token, buffers);
    }

    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const auto& from) {
                if (tls_ && !expired()) return tls_->async_write_some(from, std::move(handler));
                wire_.async_write_some(from, std::move(handler));
            },
            token, buffers);
    }

private:
    void bound_client_hello();

    /// The socket, whose operations fail after the deadline and after too many TLS records without data. Otherwise a client could
    /// keep sending such records (KeyUpdate, for instance), each at some cost, during an operation that never completes.
    struct wire {
        using executor_type = socket_type::executor_type;
        using lowest_layer_type = socket_type::lowest_layer_type;
        /// Per connection. A handshake has a few; a KeyUpdate is due only after gigabytes (RFC 8446, 5.5).
        static constexpr int most_without_data = 128;

        [[nodiscard]] executor_type get_executor() { return socket.get_executor(); }
        [[nodiscard]] lowest_layer_type& lowest_layer() { return socket.lowest_layer(); }
        [[nodiscard]] bool expired() const noexcept { return std::chrono::steady_clock::now() >= until; }
        /// Why no operation may begin now; no error if it may.
        [[nodiscard]] error_code refusal() const noexcept {
            if (expired()) return boost::asio::error::timed_out;
            if (without_data > most_without_data) return boost::asio::error::connection_aborted;
            return {};
        }

        template <class Buffers, class Token>
        auto async_read_some(const Buffers& buffers, Token&& token) {
            return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
                [this](auto handler, const auto& into) {
                    if (const auto why = refusal()) return refuse(std::move(handler), why);
                    socket.async_read_some(into, std::move(handler));
                },
                token, buffers);
        }

        template <class Buffers, class Token>
        auto async_write_some(const Buffers& buffers, Token&& token) {
            return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
                [this](auto handler, const auto& from) {
                    if (const auto why = refusal()) return refuse(std::move(handler), why);
                    socket.async_write_some(from, std::move(handler));
                },
                token, buffers);
        }

        template <class Handler>
        void refuse(Handler handler, error_code why) {
            boost::asio::post(get_executor(), boost::asio::append(std::move(handler), why, std::size_t{0}));
        }

        socket_type socket;
        time_point until = time_point::max();
        int without_data = 0; ///< received TLS records without data
    };

    wire wire_;
    std::shared_ptr<boost::asio::ssl::context> context_; ///< kept alive while the connection uses it
    client_hello_bound hello_;
    std::optional<boost::asio::ssl::stream<wire&>> tls_;
    bool finished_ = false; ///< sending has ended: what still arrives is dropped without being decrypted
};

} // namespace ctms::http
