// SPDX-License-Identifier: MPL-2.0
// Reads certificates, of files and of servers. Thread safe. Hides Asio and OpenSSL.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace ctms::net {

/// Returns when the first certificate of a PEM file expires. errc::unavailable if the file cannot be read, errc::invalid if it does not
/// begin with a certificate.
[[nodiscard]] CTMS_API result<timestamp> certificate_end(const std::string& file);

/// Returns when the certificate expires that a server shows first: of an `https` URL, or of a `postgresql` or `postgres` URL with one host
/// (https://www.postgresql.org/docs/15/protocol-flow.html, SSL session encryption). Does not check the certificate in any way, and sends
/// nothing of the URL except the host. nullopt for every other URL, and for a database that does not offer TLS. errc::unavailable, with the
/// reason in `detail`, if there is no certificate within the timeout. Blocks for at most the timeout.
[[nodiscard]] CTMS_API result<std::optional<timestamp>> server_certificate_end(const std::string& url, std::chrono::milliseconds timeout);

} // namespace ctms::net
