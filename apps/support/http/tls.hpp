// SPDX-License-Identifier: MPL-2.0
// The certificate of a TLS listener, which can be reloaded while connections use the old one.
// Not thread safe: for the I/O thread.
#pragma once

#include <ctms/base/result.hpp>

#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace ctms::http {

/// Regular PEM files of at most 1 MiB each. Symbolic links are followed, because certificate managers and Kubernetes change links to renew
/// certificates.
struct tls_files {
    std::string certificate; ///< the chain, beginning with the server's certificate
    std::string key;         ///< unencrypted
    std::string client_ca;   ///< if set, clients must present a certificate signed by one of these CAs, root or intermediate
};

/// Allows TLS 1.2 and 1.3 without renegotiation and compression, with ALPN `http/1.1` (RFC 7301).
class tls_listener {
public:
    explicit tls_listener(tls_files files) : files_(std::move(files)) {}

    /// Reads the files. On failure returns errc::invalid with the file and what is wrong with it, and keeps the current certificate.
    [[nodiscard]] result<void> load();
    /// The context for new connections; null before the first load().
    [[nodiscard]] const std::shared_ptr<boost::asio::ssl::context>& context() const noexcept { return context_; }
    /// The approximate thread time of a handshake: a signature with the key, measured by load(), plus the rest of the handshake.
    [[nodiscard]] std::chrono::nanoseconds handshake_cost() const noexcept { return handshake_cost_; }

private:
    tls_files files_;
    std::shared_ptr<boost::asio::ssl::context> context_;
    std::chrono::nanoseconds handshake_cost_{};
};

} // namespace ctms::http
