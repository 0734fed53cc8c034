// SPDX-License-Identifier: MPL-2.0
// The bound on a ClientHello, with bytes made up for it and with those of OpenSSL.
#include <support/http/client_hello.hpp>

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

using ctms::http::client_hello_bound;
using namespace std::string_literals;

namespace {

std::string big_endian(std::size_t number, std::size_t bytes) {
    std::string out;
    for (std::size_t i = bytes; i > 0; --i) out += static_cast<char>(number >> (8 * (i - 1)));
    return out;
}

std::string record(std::string_view content, char type = 22) {
    return type + "\x03\x01"s + big_endian(content.size(), 2) + std::string(content);
}
std::string hello_header(std::size_t length) { return "\x01"s + big_endian(length, 3); }
std::string hello(std::size_t length) {
    std::string out;
    const auto message = hello_header(length) + std::string(length, 'x');
    for (std::size_t at = 0; at < message.size(); at += 16'000) out += record(message.substr(at, 16'000));
    return out;
}
const std::string change_cipher_spec = record("\x01", 20);

/// Whether all bytes are accepted, in one piece and one by one.
bool accepts(std::string_view bytes, bool is_tls_1_3) {
    client_hello_bound whole;
    client_hello_bound dripping;
    bool out = true;
    for (const char& one : bytes) out = dripping.take({&one, 1}, is_tls_1_3) && out;
    CHECK(whole.take(bytes, is_tls_1_3) == out);
    return out;
}

struct deleter {
    void operator()(SSL_CTX* one) const { SSL_CTX_free(one); }
    void operator()(SSL* one) const { SSL_free(one); }
    void operator()(SSL_SESSION* one) const { SSL_SESSION_free(one); }
    void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
    void operator()(X509* one) const { X509_free(one); }
};
template <class T>
using owned = std::unique_ptr<T, deleter>;

owned<SSL_CTX> server_context() {
    owned<SSL_CTX> out(SSL_CTX_new(TLS_server_method()));
    const owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    const owned<X509> cert(X509_new());
    X509_set_pubkey(cert.get(), key.get());
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
    X509_sign(cert.get(), key.get(), EVP_sha256());
    REQUIRE(SSL_CTX_use_certificate(out.get(), cert.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(out.get(), key.get()) == 1);
    SSL_CTX_set1_groups_list(out.get(), "P-256");
    return out;
}

owned<SSL> over_memory(SSL_CTX* context) {
    owned<SSL> out(SSL_new(context));
    SSL_set_bio(out.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())); // which it owns now
    return out;
}

std::string written_by(SSL* one) {
    std::string out(64 * 1024, '\0');
    out.resize(static_cast<std::size_t>(std::max(0, BIO_read(SSL_get_wbio(one), out.data(), static_cast<int>(out.size())))));
    return out;
}

void pass(SSL* to, std::string_view bytes) { BIO_write(SSL_get_rbio(to), bytes.data(), static_cast<int>(bytes.size())); }

/// Shakes hands, and sends a byte. Checks that everything the client sends is accepted; returns its session.
owned<SSL_SESSION> shake_hands(SSL_CTX* server_side, SSL_CTX* client_side, SSL_SESSION* session = nullptr) {
    const auto server = over_memory(server_side);
    const auto client = over_memory(client_side);
    if (session != nullptr) SSL_set_session(client.get(), session);
    client_hello_bound bound;
    const auto to_server = [&] {
        const auto bytes = written_by(client.get());
        CHECK(bound.take(bytes, SSL_version(server.get()) == TLS1_3_VERSION));
        pass(server.get(), bytes);
    };
    for (int i = 0; i < 5; ++i) {
        SSL_connect(client.get());
        to_server();
        SSL_accept(server.get());
        pass(client.get(), written_by(server.get()));
    }
    REQUIRE(SSL_is_init_finished(client.get()) == 1);
    REQUIRE(SSL_is_init_finished(server.get()) == 1);
    CHECK((SSL_session_reused(client.get()) == 1) == (session != nullptr));
    SSL_write(client.get(), "x", 1);
    to_server();
    char unused = 0;
    SSL_read(client.get(), &unused, 1);                // takes the tickets of TLS 1.3
    SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN); // otherwise the session could not be resumed
    ERR_clear_error();
    return owned<SSL_SESSION>(SSL_get1_session(client.get()));
}

} // namespace

TEST_CASE("a ClientHello of 16 KiB is accepted and a longer one is not, wherever its records end") {
    constexpr auto most = client_hello_bound::most_bytes;
    CHECK(accepts(hello(most), false));
    CHECK_FALSE(accepts(hello(most + 1), false));
    CHECK_FALSE(accepts(record(hello_header(131'000) + "x"), false));
    CHECK_FALSE(accepts(record(hello_header(131'000).substr(0, 1)) + record("") + record(hello_header(131'000).substr(1)), false));
    CHECK_FALSE(accepts(record("x", 21) + record(hello_header(131'000)), false));
    CHECK_FALSE(accepts(change_cipher_spec + record(hello_header(131'000)), false));
}

TEST_CASE("the second ClientHello of TLS 1.3 is bounded too") {
    CHECK(accepts(hello(500) + change_cipher_spec + hello(16'000), true));
    CHECK_FALSE(accepts(hello(500) + change_cipher_spec + hello(17'000), true));
    CHECK_FALSE(accepts(hello(500) + hello(17'000), true));
}

TEST_CASE("everything after the ClientHello is ignored") {
    CHECK(accepts(hello(500) + change_cipher_spec + record(hello_header(131'000)), false)); // encrypted
    CHECK(accepts(hello(500) + record("\x10" + big_endian(130'000, 3)) + record(hello_header(131'000)), false));
    CHECK(accepts(hello(500) + record(hello_header(131'000), 23), true));
}

TEST_CASE("OpenSSL's handshakes are accepted, also resumed ones and those with a HelloRetryRequest") {
    const auto server = server_context();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        const owned<SSL_CTX> client(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_max_proto_version(client.get(), version);
        SSL_CTX_set1_groups_list(client.get(), "X25519:P-256"); // the server wants the other one
        const auto session = shake_hands(server.get(), client.get());
        for (int i = 0; i < 20; ++i) (void)shake_hands(server.get(), client.get(), session.get());
    }
}
