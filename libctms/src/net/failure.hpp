// SPDX-License-Identifier: MPL-2.0
// Errors of outbound calls, with the details that ctms/net/http_client.hpp documents. Private to net.
#pragma once

#include <ctms/base/result.hpp>

#include <boost/system/error_code.hpp>

namespace ctms::net {

/// Returns service_unavailable() for an error of Asio, Beast or OpenSSL while a request is sent or an answer is read. The detail contains
/// nothing of the request.
[[nodiscard]] error to_error(const boost::system::error_code& ec);

} // namespace ctms::net
