// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/certificate.hpp>

#include "failure.hpp"
#include "resolve.hpp"
#include <ctms/base/files.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <memory>

namespace ctms::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using certificate = std::unique_ptr<X509, decltype(&X509_free)>;

std::optional<timestamp> end_of(const certificate& of) {
    std::tm end{};
    if (!of || ASN1_TIME_to_tm(X509_get0_notAfter(of.get()), &end) != 1) return std::nullopt;
    return timestamp(std::chrono::seconds(::timegm(&end)));
}

/// Where a server offers TLS.
struct tls_place {
    std::string host;
    std::uint16_t port = 0;
    bool is_database = false;
};

std::optional<tls_place> place_of(const std::string& text) {
    const auto parsed = boost::urls::parse_uri(text);
    if (!parsed) return std::nullopt; // as with several hosts that have ports
    const std::string scheme(parsed->scheme());
    const bool is_database = scheme == "postgresql" || scheme == "postgres";
    if (!is_database && scheme != "https") return std::nullopt;
    tls_place out{parsed->host_address(), parsed->port_number(), is_database};
    // The host of a database may also be a folder with a socket, where there is no TLS, or several hosts.
    if (out.host.empty() || out.host.front() == '/' || out.host.find(',') != std::string::npos) return std::nullopt;
    if (out.port == 0) out.port = is_database ? 5432 : 443;
    return out;
}

/// A connection that only asks for the certificate.
class tls_visit {
public:
    explicit tls_visit(std::chrono::milliseconds timeout) : until_(std::chrono::steady_clock::now() + timeout) {}

    result<std::optional<timestamp>> ask(const tls_place& where) {
        const auto found = resolve(where.host, where.port, until_);
        if (found.ec || found.endpoints.empty()) return service_unavailable("cannot resolve the host name");
        error_code ec = asio::error::host_not_found;
        for (const auto& endpoint : found.endpoints) {
            error_code ignored;
            socket_.close(ignored);
            ec = run([&](auto done) { socket_.async_connect(endpoint, std::move(done)); });
            if (!ec) break;
        }
        if (ec) return service_unavailable("cannot connect: " + ec.message());
        if (where.is_database) {
            const auto offered = offers_tls();
            if (!offered) return offered.error();
            if (!*offered) return std::optional<timestamp>();
        }
        return shake_hands(where.host);
    }

private:
    template <class Start>
    error_code run(Start start) {
        std::optional<error_code> done;
        start([&done](error_code ec, std::size_t = 0) { done = ec; });
        io_.restart();
        io_.run_until(until_);
        if (done) return *done;
        error_code ignored;
        socket_.close(ignored);
        io_.restart();
        io_.poll();
        return asio::error::timed_out;
    }

    /// Sends the SSLRequest of PostgreSQL; the server answers with one letter.
    result<bool> offers_tls() {
        constexpr std::array<unsigned char, 8> request{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
        std::array<char, 1> answer{};
        auto ec = run([&](auto done) { socket_.async_write_some(asio::buffer(request), std::move(done)); });
        if (!ec) ec = run([&](auto done) { socket_.async_read_some(asio::buffer(answer), std::move(done)); });
        if (ec) return to_error(ec);
        return answer.front() == 'S';
    }

    result<std::optional<timestamp>> shake_hands(const std::string& host) {
        asio::ssl::context context(asio::ssl::context::tls_client);
        context.set_verify_mode(asio::ssl::verify_none);
        asio::ssl::stream<asio::ip::tcp::socket&> stream(socket_, context);
        SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
        const auto ec = run([&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, std::move(done)); });
        if (ec) return to_error(ec);
        auto end = end_of(certificate(SSL_get1_peer_certificate(stream.native_handle()), X509_free));
        if (!end) return service_unavailable("TLS failed: the server has no certificate");
        return end;
    }

    std::chrono::steady_clock::time_point until_;
    asio::io_context io_{1};
    asio::ip::tcp::socket socket_{io_};
};

} // namespace

result<timestamp> certificate_end(const std::string& file) {
    constexpr std::size_t longest_file = 1U << 20U;
    const auto text = read_regular_file(file, longest_file);
    if (!text) return text.error();
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())), BIO_free);
    const auto end = end_of(certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free));
    if (!end) return invalid(fmt::format("{} has no certificate", file));
    return *end;
}

result<std::optional<timestamp>> server_certificate_end(const std::string& url, std::chrono::milliseconds timeout) {
    const auto where = place_of(url);
    return where ? tls_visit(timeout).ask(*where) : std::optional<timestamp>();
}

} // namespace ctms::net
