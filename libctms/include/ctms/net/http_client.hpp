// SPDX-License-Identifier: MPL-2.0
// Outbound HTTP/1.1 to one server, over TLS when its URL says https: for Acoustic, Google's keys, the push gateway, and servers of our own.
// Connections are kept and used again; any number of threads may send at once, each on a connection of its own.
// Calls block, for no longer than the timeout, whatever the server does. Hides Beast and OpenSSL.
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

/// What is sent.
struct CTMS_API http_request {
    std::string method = "GET"; ///< upper case
    std::string target{};       ///< path and query, put behind the path of the client's URL; "" is that URL itself
    header_list headers{};      ///< beyond Host, Content-Length and User-Agent
    std::string body{};         ///< sent as it is
};

/// What came back.
struct CTMS_API http_response {
    int status = 0;       ///< of HTTP
    header_list headers;  ///< names in lower case
    std::string body;     ///< decoded from chunks
    std::string reason{}; ///< what stands behind the status, for people

    /// The value of a header, "" without it. `name` in lower case.
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
};

/// How a client behaves.
struct CTMS_API http_options {
    std::chrono::milliseconds timeout{5000}; ///< of a whole call: connecting, TLS, sending and the whole answer
    std::chrono::milliseconds idle{30'000};  ///< a connection that was not used for so long is not used again
    std::size_t most_idle = 16;              ///< connections that are kept while nobody uses them
    std::size_t longest_body = 4 << 20;      ///< bytes of an answer; a longer one fails
    std::string ca_file{};                   ///< certificates to trust, PEM; "" those of the system (SSL_CERT_FILE is heeded)
};

/// A whole answer, or errc::unavailable whose `detail` says in a few words what failed, without any data of the request. It
/// begins with "cannot resolve the host name", "cannot connect", "timed out", "the connection was cut off", "certificate
/// verify failed", "TLS failed", "answer too long", "the answer is not valid HTTP", "the connection failed", "the call failed"
/// or "out of memory"; the cause may follow after a colon. An answer of any status is an answer; redirects are not followed.
/// The end of the body must be certain: an answer with Content-Length and Transfer-Encoding, with two lengths, or with a coding
/// other than chunked is not valid (RFC 9112, 6.3). All that is not body must fit into 64 KiB; trailer fields are dropped.
using http_outcome = result<http_response>;

/// A client of one server.
class CTMS_API http_client {
public:
    /// `url`: "https://host[:port][/path]" or http. Throws std::invalid_argument when it is no such URL, or
    /// when `ca_file` cannot be read. Opens nothing yet.
    explicit http_client(std::string_view url, http_options options = {});
    ~http_client();
    http_client(const http_client&) = delete;
    http_client& operator=(const http_client&) = delete;

    /// Sends a request and waits for the answer. When a kept connection turns out to be closed before any byte of the
    /// answer came, the request is sent once more on a new one, within the same timeout: only for requests that
    /// may be repeated. Throws std::invalid_argument when the head of the request would hold control characters.
    [[nodiscard]] http_outcome send(const http_request& request);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// "a=b&c=d", percent-encoded (application/x-www-form-urlencoded).
[[nodiscard]] CTMS_API std::string form_encode(const std::vector<std::pair<std::string_view, std::string_view>>& values);

} // namespace ctms::net
