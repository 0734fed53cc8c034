// SPDX-License-Identifier: MPL-2.0
#include "stream.hpp"

#include "client_hello.hpp"

#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <netinet/tcp.h>
#include <poll.h>

#include <optional>

namespace ctms::http {

namespace asio = boost::asio;

namespace {

/// The socket, whose operations fail after the deadline and after too many TLS records without data. Otherwise a client could
/// keep sending such records (KeyUpdate, for instance), each at some cost, during an operation that never completes.
struct wire {
    using socket_type = stream::socket_type;
    using executor_type = socket_type::executor_type;
    using lowest_layer_type = socket_type::lowest_layer_type;
    using error_code = stream::error_code;
    /// Per connection. A handshake has a few; a KeyUpdate is due only after gigabytes (RFC 8446, 5.5).
    static constexpr int most_without_data = 128;

    [[nodiscard]] executor_type get_executor() { return socket.get_executor(); }
    [[nodiscard]] lowest_layer_type& lowest_layer() { return socket.lowest_layer(); }
    [[nodiscard]] bool expired() const noexcept { return std::chrono::steady_clock::now() >= until; }
    /// Why no operation may begin now; no error if it may.
    [[nodiscard]] error_code refusal() const noexcept {
        if (expired()) return asio::error::timed_out;
        if (without_data > most_without_data) return asio::error::connection_aborted;
        return {};
    }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const auto& buffer) {
                if (const auto why = refusal()) return refuse(std::move(handler), why);
                socket.async_read_some(buffer, std::move(handler));
            },
            token, buffers);
    }

    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const auto& from) {
                if (const auto why = refusal()) return refuse(std::move(handler), why);
                socket.async_write_some(from, std::move(handler));
            },
            token, buffers);
    }

    template <class Handler>
    void refuse(Handler handler, error_code why) {
        asio::post(get_executor(), asio::append(std::move(handler), why, std::size_t{0}));
    }

    socket_type socket;
    stream::time_point until = stream::time_point::max();
    int without_data = 0; ///< received TLS records without data
};

/// OpenSSL calls this for each record (SSL_CTX_set_msg_callback(3)). Counts received records without data. TLS 1.3 wraps all records
/// as application data and reports the inner type separately.
void count_record(int is_written, int /*version*/, int what, const void* bytes, std::size_t size, SSL* /*unused*/, void* count) {
    if (is_written != 0 || size == 0 || (what != SSL3_RT_HEADER && what != SSL3_RT_INNER_CONTENT_TYPE)) return;
    if (*static_cast<const unsigned char*>(bytes) != SSL3_RT_APPLICATION_DATA) ++*static_cast<int*>(count);
}

} // namespace

struct stream::impl {
    impl(socket_type socket, std::shared_ptr<asio::ssl::context> with_tls) : below{std::move(socket)}, context(std::move(with_tls)) {
        error_code ignored;
        below.socket.set_option(asio::ip::tcp::no_delay(true), ignored);
        if (!context) return;
        tls.emplace(below, *context);
        ::SSL_set_msg_callback(tls->native_handle(), count_record);
        SSL_set_msg_callback_arg(tls->native_handle(), &below.without_data);
        bound_client_hello();
    }

    /// Makes OpenSSL's reads fail if a ClientHello is too long.
    void bound_client_hello() {
        auto* source = ::SSL_get_rbio(tls->native_handle());
        BIO_set_callback_arg(source, reinterpret_cast<char*>(this));
        BIO_set_callback_ex(source,
                            [](BIO* from, int what, const char* bytes, std::size_t, int, long, int outcome, std::size_t* count) -> long {
                                if (what != (BIO_CB_READ | BIO_CB_RETURN) || outcome <= 0 || count == nullptr) return outcome;
                                auto& self = *reinterpret_cast<impl*>(BIO_get_callback_arg(from));
                                const bool is_tls_1_3 = ::SSL_version(self.tls->native_handle()) == TLS1_3_VERSION;
                                return self.hello.take({bytes, *count}, is_tls_1_3) ? outcome : -1;
                            });
    }

    wire below;
    std::shared_ptr<asio::ssl::context> context; ///< kept alive while the connection uses it
    client_hello_bound hello;
    std::optional<asio::ssl::stream<wire&>> tls;
    bool has_finished = false; ///< sending has ended: what still arrives is dropped without being decrypted
};

stream::stream(socket_type socket, std::shared_ptr<asio::ssl::context> tls)
    : impl_(std::make_unique<impl>(std::move(socket), std::move(tls))) {}
stream::~stream() = default;

stream::socket_type::executor_type stream::get_executor() { return impl_->below.get_executor(); }
bool stream::is_open() const { return impl_->below.socket.is_open(); }
bool stream::is_tls() const noexcept { return impl_->tls.has_value(); }

bool stream::peer_has_closed() {
    pollfd one{impl_->below.socket.native_handle(), POLLRDHUP, 0};
    return ::poll(&one, 1, 0) > 0;
}

void stream::expire_at(time_point when) noexcept { impl_->below.until = when; }
bool stream::expired() const noexcept { return impl_->below.expired(); }

void stream::give_up_without_answer_after(std::chrono::milliseconds time) noexcept {
    using user_timeout = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;
    error_code ignored;
    impl_->below.socket.set_option(user_timeout(static_cast<int>(time.count())), ignored);
}

void stream::keep_at_most(int bytes) noexcept {
    error_code ignored;
    impl_->below.socket.set_option(asio::socket_base::send_buffer_size(bytes), ignored);
}

void stream::enforce(time_point now) noexcept {
    if (now < impl_->below.until) return;
    error_code ignored;
    impl_->below.socket.cancel(ignored);
}

asio::awaitable<stream::error_code> stream::shake_hands() {
    error_code ec;
    if (impl_->tls) co_await impl_->tls->async_handshake(asio::ssl::stream_base::server, into(ec));
    co_return ec;
}

asio::awaitable<std::size_t> stream::read_some(asio::mutable_buffer buffer, error_code& failed) {
    // TLS can deliver data that it has already decrypted without reading from the socket, so the deadline is checked here too.
    if (impl_->tls && !impl_->has_finished && !expired()) co_return co_await impl_->tls->async_read_some(buffer, into(failed));
    co_return co_await impl_->below.async_read_some(buffer, into(failed));
}

bool stream::has_input() {
    if (impl_->tls && ::SSL_pending(impl_->tls->native_handle()) > 0) return true;
    error_code ec;
    return impl_->below.socket.available(ec) > 0 && !ec;
}

asio::awaitable<stream::error_code> stream::write(std::array<asio::const_buffer, 3> buffers) {
    error_code ec;
    if (impl_->tls) {
        co_await asio::async_write(*impl_->tls, buffers, into(ec));
    } else {
        co_await asio::async_write(impl_->below, buffers, into(ec));
    }
    co_return ec;
}

asio::awaitable<void> stream::finish_sending() {
    error_code ignored;
    // Asio's TLS shutdown also waits for the client's close_notify, but only until the deadline that the caller has set.
    if (impl_->tls && is_open()) co_await impl_->tls->async_shutdown(into(ignored));
    impl_->below.socket.shutdown(socket_type::shutdown_send, ignored);
    impl_->has_finished = true;
}

void stream::close() noexcept {
    error_code ignored;
    impl_->below.socket.close(ignored);
}

void stream::reset() noexcept {
    error_code ignored;
    impl_->below.socket.set_option(asio::socket_base::linger(true, 0), ignored);
    impl_->below.socket.close(ignored);
}

} // namespace ctms::http
