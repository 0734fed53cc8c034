// SPDX-License-Identifier: MPL-2.0
#include "http_connection.hpp"

#include "answer_reader.hpp"
#include "failure.hpp"
#include "public_address.hpp"
#include "resolve.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/serializer.hpp>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

namespace ctms::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

/// Makes OpenSSL check that the certificate belongs to the host, and tells the server the name of the host (SNI).
bool expect_host(SSL* ssl, const server_url& server) {
    auto* rules = ::SSL_get0_param(ssl);
    if (server.is_address) return ::X509_VERIFY_PARAM_set1_ip_asc(rules, server.host.c_str()) == 1;
    ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return ::X509_VERIFY_PARAM_set1_host(rules, server.host.data(), server.host.size()) == 1 &&
           SSL_set_tlsext_host_name(ssl, server.host.c_str()) == 1;
}

/// The request as it is sent.
std::string serialized(const http_message& message) {
    std::string out;
    error_code failed;
    http::request_serializer<http::string_body> parts(message);
    while (!parts.is_done()) {
        parts.next(failed, [&](error_code&, const auto& buffers) {
            for (const asio::const_buffer part : boost::beast::buffers_range_ref(buffers)) {
                out.append(static_cast<const char*>(part.data()), part.size());
            }
            parts.consume(boost::beast::buffer_bytes(buffers));
        });
    }
    return out;
}

} // namespace

/// Stores the outcome of an operation.
struct http_connection::completion {
    std::optional<outcome>& done;
    void operator()(error_code ec, std::size_t bytes = 0) const { done = outcome{ec, bytes}; }
};

http_connection::http_connection(const server_url& server, asio::ssl::context& tls) : server_(server) {
    if (server.tls) {
        stream_.emplace<tls_stream>(io_, tls);
    } else {
        stream_.emplace<tcp_stream>(io_);
    }
}

http_connection::tcp_stream& http_connection::socket() {
    auto* plain = std::get_if<tcp_stream>(&stream_);
    return plain != nullptr ? *plain : std::get<tls_stream>(stream_).next_layer();
}

/// Runs an operation until it is done. At the deadline it closes the socket, which ends every operation on it, so that
/// nothing can use the caller's buffers afterwards.
template <class Start>
http_connection::outcome http_connection::run(deadline until, Start start) {
    std::optional<outcome> done;
    start(completion{done});
    io_.restart();
    io_.run_until(until);
    if (done) return *done;
    error_code ignored;
    socket().close(ignored);
    io_.restart();
    io_.poll();
    return {asio::error::timed_out, 0};
}

result<void> http_connection::open(deadline until, bool public_only) {
    auto found = resolve(server_.host, server_.port, until);
    if (found.ec == asio::error::timed_out) return to_error(found.ec);
    if (found.ec || found.endpoints.empty()) return service_unavailable("cannot resolve the host name");
    if (public_only) std::erase_if(found.endpoints, [](const tcp::endpoint& one) { return !is_public(one.address()); });
    if (found.endpoints.empty()) return service_unavailable("the address is not public");
    const auto ec = connect_any(found.endpoints, until);
    if (ec == asio::error::timed_out) return to_error(ec);
    if (ec) return service_unavailable("cannot connect: " + ec.message());
    error_code ignored;
    socket().set_option(tcp::no_delay(true), ignored);
    return server_.tls ? shake_hands(until) : result<void>();
}

/// Tries one address after the other. Each gets its share of the remaining time, so that an address that drops packets
/// does not use up all of it.
http_connection::error_code http_connection::connect_any(const std::vector<tcp::endpoint>& endpoints, deadline until) {
    error_code ec;
    auto left = static_cast<long>(endpoints.size());
    for (const auto& endpoint : endpoints) {
        const auto now = std::chrono::steady_clock::now();
        error_code ignored;
        socket().close(ignored);
        ec = run(now + (until - now) / left--, [&](auto done) { socket().async_connect(endpoint, std::move(done)); }).ec;
        if (!ec) return ec;
    }
    return ec;
}

result<void> http_connection::shake_hands(deadline until) {
    auto& stream = std::get<tls_stream>(stream_);
    auto* ssl = stream.native_handle();
    if (!expect_host(ssl, server_)) return service_unavailable("TLS failed: the host cannot be verified");
    const auto ec = run(until, [&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, std::move(done)); }).ec;
    if (!ec) return {};
    const auto verified = ::SSL_get_verify_result(ssl);
    if (verified == X509_V_OK || ec == asio::error::timed_out) return to_error(ec);
    return service_unavailable(std::string("certificate verify failed: ") + ::X509_verify_cert_error_string(verified));
}

http_outcome http_connection::exchange(const http_message& message, deadline until, std::size_t longest_body) {
    answer_began_ = can_be_kept_ = false;
    const auto written = write(serialized(message), until);
    if (written == asio::error::timed_out) return to_error(written);
    // A server that refuses a request may answer and close before it has read all of it.
    auto answer = receive(message.method() == http::verb::head, until, longest_body);
    if (!written) return answer;
    can_be_kept_ = false;
    return answer || answer_began_ ? answer : to_error(written);
}

/// Passes bytes from the socket to the reader. A loop instead of an operation of Beast: exceptions of the reader reach the
/// caller, and the deadline is checked before every read.
http_outcome http_connection::receive(bool to_head, deadline until, std::size_t longest_body) {
    answer_reader reader(to_head, longest_body);
    while (!reader.is_done()) {
        auto ec = read_some(until);
        if (ec == asio::error::eof) reader.put_end(ec);
        if (ec) return to_error(ec);
        if (reader.is_done()) break;
        const auto bytes = buffer_.cdata();
        buffer_.consume(reader.put({static_cast<const char*>(bytes.data()), bytes.size()}, ec));
        if (ec) return to_error(ec);
    }
    can_be_kept_ = reader.keeps_connection() && buffer_.size() == 0;
    return reader.release();
}

/// Adds the bytes that have arrived to the buffer.
http_connection::error_code http_connection::read_some(deadline until) {
    constexpr std::size_t most = 16 * 1024;
    const auto space = buffer_.prepare(most);
    const auto moved = run(until, [&](auto done) {
        if (server_.tls) return std::get<tls_stream>(stream_).async_read_some(space, std::move(done));
        return std::get<tcp_stream>(stream_).async_read_some(space, std::move(done));
    });
    buffer_.commit(moved.bytes);
    answer_began_ = answer_began_ || moved.bytes > 0;
    return moved.ec;
}

/// A loop here too: the composed operations of Asio and Beast for two kinds of streams take seconds to compile.
http_connection::error_code http_connection::write(std::string_view bytes, deadline until) {
    while (!bytes.empty()) {
        const auto moved = run(until, [&](auto done) {
            const asio::const_buffer rest(bytes.data(), bytes.size());
            if (server_.tls) return std::get<tls_stream>(stream_).async_write_some(rest, std::move(done));
            return std::get<tcp_stream>(stream_).async_write_some(rest, std::move(done));
        });
        if (moved.ec) return moved.ec;
        bytes.remove_prefix(moved.bytes);
    }
    return {};
}

bool http_connection::is_alive() {
    pollfd one{socket().native_handle(), POLLIN | POLLRDHUP, 0};
    if (::poll(&one, 1, 0) < 0) return false;
    // With TLS, unread bytes may be a session ticket; without TLS they are an error, because no request is pending.
    const auto bad = POLLRDHUP | POLLHUP | POLLERR | POLLNVAL | (server_.tls ? 0 : POLLIN);
    return (one.revents & bad) == 0;
}

} // namespace ctms::net
