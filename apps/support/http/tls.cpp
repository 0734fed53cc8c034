// SPDX-License-Identifier: MPL-2.0
#include "tls.hpp"

#include <ctms/base/files.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

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

error bad_file(const char* setting, const std::string& file, const std::string& why) {
    return invalid(fmt::format("{}: {} cannot be used: {}", setting, file, why));
}

/// Reads a file without waiting for anything but the disk, because connections wait meanwhile.
result<std::string> read_pem(const char* setting, const std::string& file) {
    constexpr std::size_t longest = std::size_t{1024} * 1024; // the CAs of a whole system have less than 300 KiB
    auto text = read_regular_file(file, longest);
    if (!text) return bad_file(setting, file, text.error().detail);
    return text;
}

struct openssl_deleter {
    void operator()(BIO* one) const { ::BIO_free_all(one); }
    void operator()(X509* one) const { ::X509_free(one); }
};

/// The CA certificates in `pem`. Others are left out, because only signers may admit clients. On failure returns the reason.
result<std::vector<std::unique_ptr<X509, openssl_deleter>>> read_authorities(const std::string& pem) {
    const std::unique_ptr<BIO, openssl_deleter> text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    std::vector<std::unique_ptr<X509, openssl_deleter>> found;
    ::ERR_clear_error();
    while (std::unique_ptr<X509, openssl_deleter> one{::PEM_read_bio_X509_AUX(text.get(), nullptr, nullptr, nullptr)}) {
        if (::X509_check_ca(one.get()) != 0) found.push_back(std::move(one));
    }
    const auto ended = ::ERR_peek_last_error();
    ::ERR_clear_error();
    if (ERR_GET_LIB(ended) != ERR_LIB_PEM || ERR_GET_REASON(ended) != PEM_R_NO_START_LINE)
        return invalid(error_code(static_cast<int>(ended), boost::asio::error::get_ssl_category()).message());
    if (found.empty()) return invalid("it contains no CA certificate");
    return found;
}

/// Admits only clients with a certificate that one of the CAs in `pem` signed. On failure returns the reason.
result<void> require_client_certificate(ssl::context& context, const std::string& pem) {
    const auto authorities = read_authorities(pem);
    if (!authorities) return authorities.error();
    auto* native = context.native_handle();
    std::size_t names = 0;
    for (const auto& one : *authorities) {
        if (::X509_STORE_add_cert(::SSL_CTX_get_cert_store(native), one.get()) != 1) return invalid("it contains an unusable certificate");
        names += static_cast<std::size_t>(std::max(0, ::i2d_X509_NAME(::X509_get_subject_name(one.get()), nullptr)));
    }
    // The names help clients to choose a certificate. They are optional (RFC 8446, 4.2.4), and the handshake allows at most 64 KiB.
    constexpr std::size_t most_names = std::size_t{32} * 1024;
    for (const auto& one : *authorities) {
        if (names <= most_names) ::SSL_CTX_add_client_CA(native, one.get());
    }
    // An intermediate CA is enough: its root need not be in the file.
    ::X509_VERIFY_PARAM_set_flags(::SSL_CTX_get0_param(native), X509_V_FLAG_PARTIAL_CHAIN);
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    // To resume sessions while verifying client certificates, OpenSSL requires a session id context.
    constexpr std::string_view sessions = "ctms-web";
    ::SSL_CTX_set_session_id_context(native, reinterpret_cast<const unsigned char*>(sessions.data()),
                                     static_cast<unsigned int>(sessions.size()));
    return {};
}

} // namespace

result<void> tls_listener::load() {
    const auto fresh = std::make_shared<ssl::context>(ssl::context::tls_server);
    set_rules(*fresh);
    error_code ec;
    const auto certificate = read_pem("CTMS_TLS_CERT", files_.certificate);
    if (!certificate) return certificate.error();
    if (fresh->use_certificate_chain(boost::asio::buffer(*certificate), ec))
        return bad_file("CTMS_TLS_CERT", files_.certificate, ec.message());
    auto key = read_pem("CTMS_TLS_KEY", files_.key);
    if (!key) return key.error();
    // Without a callback OpenSSL would ask for the password of an encrypted key on the terminal.
    const auto no_password = [](std::size_t, ssl::context::password_purpose) { return std::string(); };
    if (fresh->set_password_callback(no_password, ec)) return bad_file("CTMS_TLS_KEY", files_.key, ec.message());
    // This also checks that the key belongs to the certificate.
    fresh->use_private_key(boost::asio::buffer(*key), ssl::context::pem, ec);
    ::OPENSSL_cleanse(key->data(), key->size());
    if (ec) return bad_file("CTMS_TLS_KEY", files_.key, ec.message());
    if (!files_.client_ca.empty()) {
        const auto authorities = read_pem("CTMS_TLS_CLIENT_CA", files_.client_ca);
        if (!authorities) return authorities.error();
        const auto required = require_client_certificate(*fresh, *authorities);
        if (!required) return bad_file("CTMS_TLS_CLIENT_CA", files_.client_ca, required.error().message);
    }
    constexpr std::chrono::microseconds rest_of_handshake{300}; // the key exchange, and parsing
    handshake_cost_ = time_of_signature(SSL_CTX_get0_privatekey(fresh->native_handle())) + rest_of_handshake;
    context_ = fresh;
    return {};
}

} // namespace ctms::http
