// SPDX-License-Identifier: MPL-2.0
#include "tls.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace ctms::http {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

/// Selects HTTP/1.1 as the protocol of the connection; refuses a client that offers only other protocols.
int choose_protocol(SSL* /*unused*/, const unsigned char** chosen, unsigned char* length, const unsigned char* offered, unsigned int size,
                    void* /*unused*/) {
    constexpr std::string_view ours = "\x08http/1.1";
    auto* out = const_cast<unsigned char**>(chosen); // NOLINT(cppcoreguidelines-pro-type-const-cast): OpenSSL requires it
    const auto found = ::SSL_select_next_proto(out, length, reinterpret_cast<const unsigned char*>(ours.data()),
                                               static_cast<unsigned int>(ours.size()), offered, size);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void set_rules(ssl::context& context) {
    auto* native = context.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS); // saves memory on idle connections
    // For TLS 1.2, allow only ciphers with forward secrecy and authenticated encryption (RFC 9325, 4.2).
    SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20");
    constexpr long most_of_certificates = 32L * 1024; // for a client's certificate and its chain
    SSL_CTX_set_max_cert_list(native, most_of_certificates);
    ::SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
}

/// The time of a signature with the key: the minimum of a few tries, because other processes use the machine too.
std::chrono::nanoseconds time_of_signature(EVP_PKEY* key) {
    constexpr int tries = 3;
    auto least = std::chrono::nanoseconds::max();
    const bool hashes_itself = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 || EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448;
    for (int i = 0; i < tries; ++i) {
        const auto began = std::chrono::steady_clock::now();
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> signing(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        const std::array<unsigned char, 32> text{};
        std::array<unsigned char, 4096> signature{};
        std::size_t size = signature.size();
        if (EVP_DigestSignInit(signing.get(), nullptr, hashes_itself ? nullptr : EVP_sha256(), nullptr, key) == 1)
            EVP_DigestSign(signing.get(), signature.data(), &size, text.data(), text.size());
        least = std::min<std::chrono::nanoseconds>(least, std::chrono::steady_clock::now() - began);
    }
    return least;
}

error bad_file(const char* setting, const std::string& file, const error_code& why) {
    return invalid(fmt::format("{}: {} cannot be used: {}", setting, file, why.message()));
}

} // namespace

result<void> tls_listener::load() {
    const auto fresh = std::make_shared<ssl::context>(ssl::context::tls_server);
    set_rules(*fresh);
    error_code ec;
    if (fresh->use_certificate_chain_file(files_.certificate, ec)) return bad_file("CTMS_TLS_CERT", files_.certificate, ec);
    // Without a callback OpenSSL would ask for the password of an encrypted key on the terminal.
    const auto no_password = [](std::size_t, ssl::context::password_purpose) { return std::string(); };
    if (fresh->set_password_callback(no_password, ec)) return bad_file("CTMS_TLS_KEY", files_.key, ec);
    // This also checks that the key belongs to the certificate.
    if (fresh->use_private_key_file(files_.key, ssl::context::pem, ec)) return bad_file("CTMS_TLS_KEY", files_.key, ec);
    if (!files_.client_ca.empty()) {
        if (fresh->load_verify_file(files_.client_ca, ec)) return bad_file("CTMS_TLS_CLIENT_CA", files_.client_ca, ec);
        fresh->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
        // To resume sessions while verifying client certificates, OpenSSL requires a session id context.
        constexpr std::string_view sessions = "ctms-web";
        ::SSL_CTX_set_session_id_context(fresh->native_handle(), reinterpret_cast<const unsigned char*>(sessions.data()),
                                         static_cast<unsigned int>(sessions.size()));
        ::SSL_CTX_set_client_CA_list(fresh->native_handle(), ::SSL_load_client_CA_file(files_.client_ca.c_str()));
    }
    constexpr std::chrono::microseconds rest_of_handshake{300}; // the key exchange, and parsing
    handshake_cost_ = time_of_signature(SSL_CTX_get0_privatekey(fresh->native_handle())) + rest_of_handshake;
    context_ = fresh;
    return {};
}

} // namespace ctms::http
