// SPDX-License-Identifier: MPL-2.0
#include "stream.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace ctms::http {

namespace asio = boost::asio;

stream::stream(socket_type socket, std::shared_ptr<asio::ssl::context> tls) : socket_(std::move(socket)), context_(std::move(tls)) {
    error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (context_) tls_.emplace(socket_, *context_);
}

void stream::enforce(time_point now) noexcept {
    if (now < until_) return;
    error_code ignored;
    socket_.cancel(ignored);
}

asio::awaitable<stream::error_code> stream::shake_hands() {
    error_code ec;
    if (tls_) co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, ec));
    co_return ec;
}

asio::awaitable<void> stream::finish_sending() {
    error_code ignored;
    // Asio's shutdown of TLS waits for the client's close_notify as well: only until the deadline, which its caller sets.
    if (tls_ && socket_.is_open()) co_await tls_->async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    socket_.shutdown(socket_type::shutdown_send, ignored);
    finished_ = true;
}

void stream::close() noexcept {
    error_code ignored;
    socket_.close(ignored);
}

void stream::reset() noexcept {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

} // namespace ctms::http
