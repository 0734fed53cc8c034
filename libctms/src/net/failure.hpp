// SPDX-License-Identifier: MPL-2.0
// Errors of outbound calls, with the details that ctms/net/http_client.hpp documents. Private to net.
#pragma once

#include <ctms/base/result.hpp>

#include <boost/system/error_code.hpp>

#include <string>

namespace ctms::net {

/// Returns errc::unavailable. `detail` must not contain anything from the request.
[[nodiscard]] error unavailable(std::string detail);
/// The error for an error code of Asio, Beast or OpenSSL that occurred while sending a request or reading a response.
[[nodiscard]] error unavailable(const boost::system::error_code& ec);

} // namespace ctms::net
