// SPDX-License-Identifier: MPL-2.0
// The rules by which an origin server refuses requests before it looks at the resource (RFC 9110, RFC 9112): the forms of the
// target, Host, the fields that frame the body, and Expect. They apply to a parsed head. Pure functions, thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::http {

/// The status for a refused request, and the reason as named in logs and metrics. The connection is closed afterwards.
struct refusal {
    int status;
    std::string_view reason;

    friend bool operator==(const refusal&, const refusal&) = default;
};

/// The head of a request. Header names are in lower case; a field that was sent twice is listed twice.
struct request_head {
    std::string_view method;
    std::string_view target; ///< as sent
    bool http_1_1 = true;    ///< false: HTTP/1.0
    const std::vector<std::pair<std::string, std::string>>& headers;
};

/// Why the request is refused, or nullopt if it is not: 400, 417 (an expectation other than 100-continue) or 501 (a transfer
/// coding other than chunked).
[[nodiscard]] std::optional<refusal> check_head(const request_head& head);

/// Why a request is refused whose first line the parser rejected: 414 if the line has no end, 505 if it names a valid but unsupported
/// version, otherwise 400. `begin`: the received bytes, starting with that line.
[[nodiscard]] refusal refuse_request_line(std::string_view begin);

/// Whether the client expects "100 Continue" before it sends the body. Always false for HTTP/1.0 (RFC 9110, 10.1.1).
[[nodiscard]] bool expects_continue(const request_head& head);

/// Whether the client allows another request on the connection: in HTTP/1.1 unless an option is "close", in HTTP/1.0 only if an
/// option is "keep-alive" and none is "close" (RFC 9112, 9.3).
[[nodiscard]] bool keeps_connection(const request_head& head);

/// The path and query of a target that passed check_head(): removes scheme and host from "http://host/path?query" (RFC 9112, 3.2.2)
/// and leaves other targets unchanged. OPTIONS for "http://host" is about the server as a whole, "*" (RFC 9112, 3.2.4).
[[nodiscard]] std::string origin_form(std::string_view method, std::string_view target);

} // namespace ctms::http
