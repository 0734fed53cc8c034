// SPDX-License-Identifier: MPL-2.0
#include "stream.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <poll.h>

#include <string_view>

namespace ctms::http {

namespace asio = boost::asio;

namespace {

/// OpenSSL calls this for each record (SSL_CTX_set_msg_callback(3)). Counts received records without data. TLS 1.3 wraps all records
/// as application data and reports the inner type separately.
void count_record(int is_written, int /*version*/, int what, const void* bytes, std::size_t size, SSL* /*unused*/, void* count) {
    if (is_written != 0 || size == 0 || (what != SSL3_RT_HEADER && what != SSL3_RT_INNER_CONTENT_TYPE)) return;
    if (*static_cast<const unsigned char*>(bytes) != SSL3_RT_APPLICATION_DATA) ++*static_cast<int*>(count);
}

} // namespace

stream::stream(socket_type socket, std::shared_ptr<asio::ssl::context> tls) : wire_{std::move(socket)}, context_(std::move(tls)) {
    error_code ignored;
    wire_.socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (!context_) return;
    tls_.emplace(wire_, *context_);
    ::SSL_set_msg_callback(tls_->native_handle(), count_record);
    SSL_set_msg_callback_arg(tls_->native_handle(), &wire_.without_data);
    bound_client_hello();
}

/// Makes OpenSSL's reads fail if a ClientHello is too long.
void stream::bound_client_hello() {
    auto* source = ::SSL_get_rbio(tls_->native_handle());
    BIO_set_callback_arg(source, reinterpret_cast<char*>(this));
    BIO_set_callback_ex(source,
                        [](BIO* from, int what, const char* bytes, std::size_t, int, long, int outcome, std::size_t* count) -> long {
                            if (what != (BIO_CB_READ | BIO_CB_RETURN) || outcome <= 0 || count == nullptr) return outcome;
                            auto& self = *reinterpret_cast<stream*>(BIO_get_callback_arg(from));
                            const bool is_tls_1_3 = ::SSL_version(self.tls_->native_handle()) == TLS1_3_VERSION;
                            return self.hello_.take({bytes, *count}, is_tls_1_3) ? outcome : -1;
                        });
}

bool stream::peer_has_closed() {
    pollfd one{wire_.socket.native_handle(), POLLRDHUP, 0};
    return ::poll(&one, 1, 0) > 0;
}

void stream::enforce(time_point now) noexcept {
    if (now < wire_.until) return;
    error_code ignored;
    wire_.socket.cancel(ignored);
}

asio::awaitable<stream::error_code> stream::shake_hands() {
    error_code ec;
    if (tls_) co_await tls_->async_handshake(asio::ssl::stream_base::server, into(ec));
    co_return ec;
}

asio::awaitable<void> stream::finish_sending() {
    error_code ignored;
    // Asio's TLS shutdown also waits for the client's close_notify, but only until the deadline that the caller has set.
    if (tls_ && wire_.socket.is_open()) co_await tls_->async_shutdown(into(ignored));
    wire_.socket.shutdown(socket_type::shutdown_send, ignored);
    finished_ = true;
}

void stream::close() noexcept {
    error_code ignored;
    wire_.socket.close(ignored);
}

void stream::reset() noexcept {
    error_code ignored;
    wire_.socket.set_option(asio::socket_base::linger(true, 0), ignored);
    wire_.socket.close(ignored);
}

} // namespace ctms::http
