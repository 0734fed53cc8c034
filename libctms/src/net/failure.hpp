// SPDX-License-Identifier: MPL-2.0
// The failures of outbound calls, in the words of ctms/net/http_client.hpp. Private to net.
#pragma once

#include <ctms/base/result.hpp>

#include <boost/system/error_code.hpp>

#include <string>

namespace ctms::net {

/// errc::unavailable; `detail` must hold nothing of the request.
[[nodiscard]] error unavailable(std::string detail);
/// What an error of Asio, Beast or OpenSSL means while a request is sent or an answer read.
[[nodiscard]] error unavailable(const boost::system::error_code& ec);

} // namespace ctms::net
