// SPDX-License-Identifier: MPL-2.0
// An accepted connection, plain or TLS, whose every wait ends at an absolute deadline. It models Asio's AsyncReadStream and
// AsyncWriteStream, so that async_write and Beast's serializers work on it.
// The deadline holds whatever completes first: an operation that begins after it fails at once, also those by which TLS reads and
// writes records, and enforce(), which the owner calls several times a second, cancels an operation that waits past it, again and
// again until the owner has noticed. There is no timer and no handler here that could outlive the stream. Not thread safe.
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

    [[nodiscard]] executor_type get_executor() { return wire_.get_executor(); }
    [[nodiscard]] bool is_open() const { return wire_.socket.is_open(); }
    [[nodiscard]] bool is_tls() const noexcept { return tls_.has_value(); }
    /// The socket below, for its addresses and options.
    [[nodiscard]] socket_type& socket() noexcept { return wire_.socket; }
    /// Whether the client has closed its end already.
    [[nodiscard]] bool peer_has_closed();

    /// Sets the deadline of all that follows, and of an operation that waits now.
    void expire_at(time_point when) noexcept { wire_.until = when; }
    void expire_after(std::chrono::milliseconds time) noexcept { expire_at(std::chrono::steady_clock::now() + time); }
    void expire_never() noexcept { expire_at(time_point::max()); }
    [[nodiscard]] bool expired() const noexcept { return wire_.expired(); }
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
                // What TLS has decrypted already comes without a look at the wire.
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
    /// The socket, whose operations fail after the deadline, and after too many records of TLS that carry no data: a client could
    /// otherwise send these without end (KeyUpdate, say), each at some cost, in an operation that never completes.
    struct wire {
        using executor_type = socket_type::executor_type;
        using lowest_layer_type = socket_type::lowest_layer_type;
        /// In the life of a connection. A handshake has a few; a KeyUpdate is due after gigabytes (RFC 8446, 5.5).
        static constexpr int most_without_data = 128;

        [[nodiscard]] executor_type get_executor() { return socket.get_executor(); }
        [[nodiscard]] lowest_layer_type& lowest_layer() { return socket.lowest_layer(); }
        [[nodiscard]] bool expired() const noexcept { return std::chrono::steady_clock::now() >= until; }
        /// Why nothing may begin now.
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
        int without_data = 0; ///< records of TLS that came
    };

    wire wire_;
    std::shared_ptr<boost::asio::ssl::context> context_; ///< kept while the connection uses it
    std::optional<boost::asio::ssl::stream<wire&>> tls_;
    bool finished_ = false; ///< all is sent: what still comes is dropped, and not decrypted
};

} // namespace ctms::http
