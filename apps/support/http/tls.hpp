// SPDX-License-Identifier: MPL-2.0
// The certificate of a TLS listener, which can be read again while connections use the old one.
// Not thread safe: for the one thread of the sockets.
#pragma once

#include <ctms/base/result.hpp>

#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace ctms::http {

/// PEM files. Links are followed: certificate managers and Kubernetes renew by changing them.
struct tls_files {
    std::string certificate; ///< the chain, the server's own first
    std::string key;         ///< unencrypted
    std::string client_ca;   ///< when set, clients must show a certificate that one of these signed
};

/// TLS 1.2 and 1.3, without renegotiation and compression, ALPN `http/1.1` (RFC 7301).
class tls_listener {
public:
    explicit tls_listener(tls_files files) : files_(std::move(files)) {}

    /// Reads the files. errc::invalid names the file, and what is wrong with it; the certificate in force stays then.
    [[nodiscard]] result<void> load();
    /// What new connections use; null before the first load().
    [[nodiscard]] const std::shared_ptr<boost::asio::ssl::context>& context() const noexcept { return context_; }
    /// About what a handshake takes of the thread: a signature with the key, as measured by load(), and what comes with it.
    [[nodiscard]] std::chrono::nanoseconds handshake_cost() const noexcept { return handshake_cost_; }

private:
    tls_files files_;
    std::shared_ptr<boost::asio::ssl::context> context_;
    std::chrono::nanoseconds handshake_cost_{};
};

} // namespace ctms::http
