// SPDX-License-Identifier: MPL-2.0
// The TLS settings of an HTTPS client. Private to net.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include <string>

namespace ctms::net {

/// TLS 1.2 or later, and only servers whose certificate was issued by one in `ca_file` (PEM), or by one of the system's if "".
/// Each connection must check the host name itself. Throws std::invalid_argument if `ca_file` cannot be read.
[[nodiscard]] boost::asio::ssl::context make_tls_context(const std::string& ca_file);

} // namespace ctms::net
