// SPDX-License-Identifier: MPL-2.0
#include "failure.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/http/error.hpp>

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ctms::net {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

bool is_cut(const error_code& ec) {
    const std::array<error_code, 7> all{
        boost::asio::error::eof,           boost::asio::error::connection_reset,      boost::asio::error::broken_pipe,
        boost::asio::error::not_connected, boost::asio::ssl::error::stream_truncated, http::error::end_of_stream,
        http::error::partial_message};
    return std::find(all.begin(), all.end(), ec) != all.end();
}

std::string describe(const error_code& ec) {
    if (ec == boost::asio::error::timed_out) return "timed out";
    if (is_cut(ec)) return "the connection was cut off";
    if (ec == http::error::body_limit || ec == http::error::header_limit) return "answer too long";
    if (ec.category() == boost::asio::error::get_ssl_category()) {
        const char* reason = ::ERR_reason_error_string(static_cast<unsigned long>(ec.value()));
        return reason == nullptr ? "TLS failed" : std::string("TLS failed: ") + reason;
    }
    if (ec.category() == error_code(http::error::bad_version).category()) return "the answer is not valid HTTP: " + ec.message();
    return "the connection failed: " + ec.message();
}

} // namespace

error to_error(const error_code& ec) { return service_unavailable(describe(ec)); }

} // namespace ctms::net
