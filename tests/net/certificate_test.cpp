// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/certificate.hpp>
#include <support/certificate.hpp>
#include <support/raw_server.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;

/// Answers one SSLRequest of PostgreSQL as a server does, with or without TLS.
class database_port {
public:
    explicit database_port(bool has_tls) : thread_([this, has_tls] { serve(has_tls); }) {}
    ~database_port() { thread_.join(); }
    database_port(const database_port&) = delete;
    database_port& operator=(const database_port&) = delete;
    [[nodiscard]] std::string url() const { return fmt::format("postgresql://user:secret@127.0.0.1:{}/ctms", port_); }
    [[nodiscard]] const std::array<char, 8>& asked() const { return asked_; }

private:
    void serve(bool has_tls) {
        asio::ip::tcp::socket socket(io_);
        acceptor_.accept(socket);
        boost::system::error_code ended;
        asio::read(socket, asio::buffer(asked_), ended);
        asio::write(socket, asio::buffer(has_tls ? "S" : "N", 1), ended);
        if (!has_tls) return;
        const auto certificate = make_certificate({"127.0.0.1"});
        asio::ssl::context context(asio::ssl::context::tls_server);
        context.use_certificate_chain(asio::buffer(certificate.cert_pem));
        context.use_private_key(asio::buffer(certificate.key_pem), asio::ssl::context::pem);
        asio::ssl::stream<asio::ip::tcp::socket&> stream(socket, context);
        stream.handshake(asio::ssl::stream_base::server, ended);
    }

    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    std::uint16_t port_ = acceptor_.local_endpoint().port();
    std::array<char, 8> asked_{};
    std::thread thread_;
};

/// Certificates of tests expire tomorrow.
bool is_tomorrow(timestamp end) { return end > now() + 12h && end < now() + 48h; }

} // namespace

TEST_CASE("the end of the certificate that a web server shows is read without trusting it") {
    raw_server server([](raw_connection& client) { client.stall(); }, make_certificate({"127.0.0.1"}));
    const auto end = net::server_certificate_end(server.url(), 10s);
    REQUIRE(end.has_value());
    REQUIRE(end->has_value());
    CHECK(is_tomorrow(**end));
}

TEST_CASE("the certificate of a database is asked for as PostgreSQL's protocol says") {
    database_port with_tls(true);
    const auto end = net::server_certificate_end(with_tls.url(), 10s);
    REQUIRE(end.has_value());
    REQUIRE(end->has_value());
    CHECK(is_tomorrow(**end));
    CHECK(with_tls.asked() == std::array<char, 8>{0, 0, 0, 8, 4, '\xd2', 0x16, 0x2f});
    database_port without(false);
    const auto none = net::server_certificate_end(without.url(), 10s);
    REQUIRE(none.has_value());
    CHECK_FALSE(none->has_value());
}

TEST_CASE("other URLs have no certificate, and a server that does not answer ends at the timeout") {
    for (const std::string url :
         {"http://127.0.0.1:1", "postgresql:///ctms?host=/run/postgresql", "postgresql://a,b/ctms", "nonsense", ""}) {
        CAPTURE(url);
        const auto none = net::server_certificate_end(url, 1s);
        REQUIRE(none.has_value());
        CHECK_FALSE(none->has_value());
    }
    CHECK_FALSE(net::server_certificate_end("https://127.0.0.1:1", 1s).has_value());
    raw_server silent([](raw_connection& client) { client.stall(); });
    const auto begin = std::chrono::steady_clock::now();
    const auto late = net::server_certificate_end(fmt::format("https://127.0.0.1:{}", silent.port()), 300ms);
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().detail == "timed out");
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
}
