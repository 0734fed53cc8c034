// SPDX-License-Identifier: MPL-2.0
// HTTP/1.1 client for one server, over TLS if its URL starts with https: for Acoustic, Google's keys, webhooks, the push gateway and our
// own servers. Connections are kept and reused. Any number of threads may send at the same time, each on a connection of its own. Calls
// block for at most the timeout, whatever the server does. Hides Beast and OpenSSL.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::net {

/// Names and values of headers.
using header_list = std::vector<std::pair<std::string, std::string>>;

/// A request.
struct CTMS_API http_request {
    std::string method = "GET"; ///< in upper case
    std::string target{};       ///< path and query, appended to the path of the client's URL; "" requests that URL itself
    header_list headers{};      ///< in addition to Host, Content-Length, User-Agent and, within a trace_scope, traceparent
    std::string body{};         ///< sent unchanged
};

/// A response.
struct CTMS_API http_response {
    int status = 0;       ///< HTTP status
    header_list headers;  ///< names in lower case
    std::string body;     ///< without chunk framing
    std::string reason{}; ///< reason phrase after the status, for people

    /// Returns the value of a header; "" if it is missing. `name` must be in lower case.
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
};

/// Options of a client.
struct CTMS_API http_options {
    std::chrono::milliseconds timeout{5000}; ///< of a whole call: connecting, TLS, sending, and receiving the whole response
    std::chrono::milliseconds idle{30'000};  ///< a connection that was idle for longer is not reused
    std::size_t most_idle = 16;              ///< maximum number of idle connections that are kept
    std::size_t longest_body = 4 << 20;      ///< maximum size of a response body in bytes; a longer one is an error
    bool public_addresses_only = false;      ///< connect only to addresses on the public Internet, whatever the name resolves to
    std::string ca_file{};                   ///< trusted certificates, PEM; "" uses those of the system (SSL_CERT_FILE is respected)
};

/// A complete response, or errc::unavailable whose `detail` briefly says what failed, without data of the request. It starts with "cannot
/// resolve the host name", "the address is not public", "cannot connect", "timed out", "the connection was cut off", "certificate verify
/// failed", "TLS failed", "answer too long", "the answer is not valid HTTP", "the connection failed", "the call failed" or "out of memory";
/// the cause may follow after a colon. A response with any status is a success; redirects are not followed. The end of the body must be
/// unambiguous: a response with both Content-Length and Transfer-Encoding, with two different lengths, or with a coding other than chunked
/// is invalid (RFC 9112, 6.3). Everything except the body must fit into 64 KiB; trailer fields are dropped.
using http_outcome = result<http_response>;

/// A client for one server.
class CTMS_API http_client {
public:
    /// `url` is "https://host[:port][/path]", or the same with http. Throws std::invalid_argument if it is not such a URL or if `ca_file`
    /// cannot be read. Does not connect yet.
    explicit http_client(std::string_view url, http_options options = {});
    ~http_client();
    http_client(const http_client&) = delete;
    http_client& operator=(const http_client&) = delete;

    /// Sends a request and waits for the response. If a reused connection turns out to be closed before any byte of the response arrived,
    /// the request is sent again on a new connection, within the same timeout; so use it only for requests that may be repeated. Throws
    /// std::invalid_argument if the request line or a header contains control characters.
    [[nodiscard]] http_outcome send(const http_request& request);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// Returns "a=b&c=d", percent-encoded (application/x-www-form-urlencoded).
[[nodiscard]] CTMS_API std::string form_encode(const std::vector<std::pair<std::string_view, std::string_view>>& values);

} // namespace ctms::net
