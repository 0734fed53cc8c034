// SPDX-License-Identifier: MPL-2.0
// What an HTTPS client trusts. Private to net.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include <string>

namespace ctms::net {

/// TLS 1.2 or later, and only servers whose certificate leads to one of `ca_file` (PEM), or of the system's with "".
/// The host is for each connection to check. Throws std::invalid_argument when `ca_file` cannot be read.
[[nodiscard]] boost::asio::ssl::context make_tls_context(const std::string& ca_file);

} // namespace ctms::net
