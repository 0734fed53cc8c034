// SPDX-License-Identifier: MPL-2.0
// The TLS listener: handshakes that are slow, end early or restart, and bytes that are not TLS.
#include "peer.hpp"
#include "target.hpp"

#include <support/certificate.hpp>
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <openssl/ssl.h>

#include <sys/socket.h>

#include <algorithm>
#include <csignal>

using namespace ctms::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto short_limit = 1'000ms;

/// A TLS client on its own connection that trusts every certificate.
class tls_peer {
public:
    explicit tls_peer(std::uint16_t port, int version = TLS1_3_VERSION, const std::string& from = "127.0.0.1") : connection_(port, from) {
        SSL_CTX_set_max_proto_version(context_.get(), version);
        session_.reset(SSL_new(context_.get()));
        const timeval patience{10L * slowness, 0};
        ::setsockopt(connection_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(connection_.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        SSL_set_fd(session_.get(), connection_.descriptor());
        std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes to connections that the server has closed
    }
    bool shake_hands() { return SSL_connect(session_.get()) == 1; }
    bool send(std::string_view bytes) { return SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0; }
    /// The bytes that arrive first; "" at the end.
    std::string read() {
        std::string out(64 * 1024, '\0');
        out.resize(static_cast<std::size_t>(std::max(0, SSL_read(session_.get(), out.data(), static_cast<int>(out.size())))));
        return out;
    }
    bool ask_heartbeat() { return shake_hands() && send(request_text("GET", "/__lbheartbeat__")) && read().starts_with("HTTP/1.1 200"); }
    [[nodiscard]] SSL* session() { return session_.get(); }
    [[nodiscard]] peer& connection() { return connection_; }

private:
    struct deleter {
        void operator()(SSL_CTX* one) const { SSL_CTX_free(one); }
        void operator()(SSL* one) const { SSL_free(one); }
    };
    peer connection_;
    std::unique_ptr<SSL_CTX, deleter> context_{SSL_CTX_new(TLS_client_method())};
    std::unique_ptr<SSL, deleter> session_;
};

/// The first message of a client, as OpenSSL sends it.
std::string client_hello() {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL* session = SSL_new(context);
    BIO* from = BIO_new(BIO_s_mem());
    BIO* to = BIO_new(BIO_s_mem());
    SSL_set_bio(session, from, to); // takes ownership of both
    SSL_connect(session);
    std::string out(4096, '\0');
    out.resize(static_cast<std::size_t>(std::max(0, BIO_read(to, out.data(), static_cast<int>(out.size())))));
    SSL_free(session);
    SSL_CTX_free(context);
    return out;
}

struct tls_files {
    certificate made = make_certificate({"localhost", "127.0.0.1"});
    temporary_file cert{made.cert_pem};
    temporary_file key{made.key_pem};
};

web_fixture::options with_tls(const tls_files& files) {
    ctms::web::limits bounds;
    bounds.header_time = bounds.body_time = bounds.write_time = short_limit;
    bounds.idle_time = 2 * short_limit;
    return {.limits = bounds, .change_settings = [&files](ctms::config::settings& settings) {
                settings.tls_cert = files.cert.path();
                settings.tls_key = files.key.path();
            }};
}

} // namespace

TEST_CASE("TLS: handshakes that stop at any point are ended in time") {
    const tls_files files;
    web_fixture web(with_tls(files));
    const auto hello = client_hello();
    REQUIRE(hello.size() > 100);
    auto peers = open_peers(web.port(), 60);
    for (std::size_t i = 0; i < peers.size(); ++i)
        (void)peers[i].offer(std::string_view(hello).substr(0, i < 20 ? 0 : i < 40 ? 100 : hello.size()));
    CHECK(still_open(peers, 10s * slowness) == 0);
    CHECK(tls_peer(web.port()).ask_heartbeat());
}

TEST_CASE("TLS: a handshake that drips is ended") {
    const tls_files files;
    web_fixture web(with_tls(files));
    const auto hello = client_hello();
    peer attacker(web.port());
    const auto until = steady_clock::now() + 15s * slowness;
    for (std::size_t i = 0; attacker.is_open() && steady_clock::now() < until; ++i) {
        if (i < hello.size()) (void)attacker.offer(std::string_view(hello).substr(i, 1));
        (void)attacker.ends_within(20ms);
    }
    CHECK_FALSE(attacker.is_open());
}

TEST_CASE("TLS: clients that are silent after the handshake are disconnected in time") {
    const tls_files files;
    web_fixture web(with_tls(files));
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        tls_peer idle(web.port(), version);
        tls_peer begun(web.port(), version);
        REQUIRE(idle.shake_hands());
        REQUIRE(begun.shake_hands());
        REQUIRE(begun.send("GET / HTTP/1.1\r\nHo"));
        // The clients answer neither close_notify nor the end of the stream.
        CHECK(idle.connection().ends_within(10s * slowness));
        CHECK(begun.connection().ends_within(10s * slowness));
    }
}

TEST_CASE("TLS: records without data end their connection") {
    const tls_files files;
    web_fixture web(with_tls(files));
    constexpr int far_too_many = 20'000;
    const auto records_until_the_end = [&](int version, int (*send_one)(SSL*)) {
        tls_peer attacker(web.port(), version);
        REQUIRE(attacker.shake_hands());
        int sent = 0;
        while (sent < far_too_many && send_one(attacker.session()) == 1) ++sent;
        return sent;
    };
    CHECK(records_until_the_end(TLS1_3_VERSION, [](SSL* session) {
              return SSL_key_update(session, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 ? SSL_do_handshake(session) : 0;
          }) < far_too_many);
    // A few such records are legitimate.
    tls_peer good(web.port());
    REQUIRE(good.shake_hands());
    for (int i = 0; i < 3; ++i) {
        REQUIRE(SSL_key_update(good.session(), SSL_KEY_UPDATE_REQUESTED) == 1);
        REQUIRE(SSL_do_handshake(good.session()) == 1);
    }
    CHECK(good.send(request_text("GET", "/__lbheartbeat__")));
    CHECK(good.read().starts_with("HTTP/1.1 200"));
}

TEST_CASE("TLS: records without data do not extend the deadline") {
    const tls_files files;
    web_fixture web(with_tls(files));
    tls_peer attacker(web.port());
    REQUIRE(attacker.shake_hands());
    const auto until = steady_clock::now() + 15s * slowness;
    bool is_open = true;
    while (is_open && steady_clock::now() < until) {
        is_open = SSL_key_update(attacker.session(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(attacker.session()) == 1;
        std::this_thread::sleep_for(50ms); // slow enough that the number of records does not end the connection
    }
    CHECK_FALSE(is_open);
}

TEST_CASE("TLS: bytes that are not TLS end their connection") {
    const tls_files files;
    web_fixture web(with_tls(files));
    const auto hello = client_hello();
    auto damaged = hello;
    for (std::size_t i = 5; i < damaged.size(); i += 7) damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    for (const auto& bytes :
         {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), damaged, std::string("\x16\x03\x03\xff\xff", 5) + std::string(70'000, 'a'),
          std::string("\x17\x03\x03\x00\x05hello", 10), std::string("\x15\x03\x03\x00\x02\x01\x00", 7),
          hello + std::string("\x17\x03\x03\x00\x05hello", 10), std::string(100'000, '\0')}) {
        CAPTURE(bytes.size());
        peer attacker(web.port());
        (void)attacker.send(bytes);
        CHECK(attacker.ends_within(10s * slowness));
    }
    tls_peer after_handshake(web.port());
    REQUIRE(after_handshake.shake_hands());
    REQUIRE(after_handshake.connection().send(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'a')));
    CHECK(after_handshake.connection().ends_within(10s * slowness));
    CHECK(tls_peer(web.port()).ask_heartbeat());
}

TEST_CASE("TLS: a ClientHello that claims to be long ends its connection at once") {
    const tls_files files;
    web_fixture web({.change_settings = with_tls(files).change_settings}); // with the usual time for a handshake
    constexpr auto at_once = 5s;
    const std::string claim("\x16\x03\x01\x00\x05\x01\x01\xff\xb8x", 10); // 131,000 bytes
    peer first(web.port());
    REQUIRE(first.send(claim));
    CHECK(first.ends_within(at_once));
    // A hello without a key share is answered with a HelloRetryRequest. Extensions: TLS 1.3, X25519, ecdsa_secp256r1_sha256, no share.
    const std::string extensions("\x00\x2b\x00\x03\x02\x03\x04\x00\x0a\x00\x04\x00\x02\x00\x1d"
                                 "\x00\x0d\x00\x06\x00\x04\x04\x03\x08\x04\x00\x33\x00\x02\x00\x00",
                                 31);
    const auto message = "\x03\x03" + std::string(32, 'r') + '\0' + std::string("\x00\x02\x13\x01\x01\x00\x00\x1f", 8) + extensions;
    const auto begun = std::string("\x16\x03\x01\x00", 4) + static_cast<char>(message.size() + 4) + std::string("\x01\x00\x00", 3) +
                       static_cast<char>(message.size()) + message;
    peer second(web.port());
    REQUIRE(second.send(begun));
    REQUIRE(second.read(10s).starts_with("\x16\x03\x03"));
    CHECK_FALSE(second.ends_within(200ms));
    REQUIRE(second.send(std::string("\x14\x03\x03\x00\x01\x01", 6) + claim));
    CHECK(second.ends_within(at_once));
    CHECK(tls_peer(web.port()).ask_heartbeat());
}

TEST_CASE("TLS: a client cannot renegotiate") {
    const tls_files files;
    web_fixture web(with_tls(files));
    tls_peer attacker(web.port(), TLS1_2_VERSION);
    REQUIRE(attacker.ask_heartbeat());
    if (SSL_renegotiate(attacker.session()) == 1) CHECK(SSL_do_handshake(attacker.session()) != 1);
    CHECK(tls_peer(web.port()).ask_heartbeat());
}

TEST_CASE("TLS: old versions are refused") {
    const tls_files files;
    web_fixture web(with_tls(files));
    tls_peer old(web.port(), TLS1_1_VERSION);
    SSL_set_security_level(old.session(), 0); // otherwise OpenSSL does not even try
    CHECK_FALSE(old.shake_hands());
}

TEST_CASE("TLS: a flood of unfinished handshakes leaves time for others and the process survives") {
    const tls_files files;
    const test_database database;
    server_process server(CTMS_WEB,
                          {"CTMS_DB_URL=" + database.url(), "CTMS_SECRET_KEY=the key that signs the tokens of the tests of attacks",
                           "CTMS_TLS_CERT=" + files.cert.path(), "CTMS_TLS_KEY=" + files.key.path()});
    const auto hello = client_hello();
    const auto addresses = loopback_addresses(40, 7);
    for (int round = 0; round < 20; ++round) {
        auto peers = open_peers(server.port(), 60, addresses);
        for (auto& one : peers) (void)one.offer(hello);
        CHECK(tls_peer(server.port(), TLS1_3_VERSION, "127.0.0.90").ask_heartbeat());
        for (auto& one : peers) one.reset();
    }
    auto silent = open_peers(server.port(), 1'500, addresses);
    for (int i = 0; i < 5; ++i) CHECK(tls_peer(server.port(), TLS1_3_VERSION, "127.0.0.90").ask_heartbeat());
    silent.clear();
    server.signal(SIGTERM);
    CHECK(server.wait(32s * slowness) == 0);
}
