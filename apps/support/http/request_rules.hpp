// SPDX-License-Identifier: MPL-2.0
// Which requests an origin server refuses before it looks at the resource (RFC 9110, RFC 9112): by the forms of the target, by
// Host, the fields that frame the body, and Expect. A parser has split the head already. Pure functions, thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::http {

/// How a request that is not served is answered, and the word for it in logs and metrics. The connection is closed.
struct refusal {
    int status;
    std::string_view reason;

    friend bool operator==(const refusal&, const refusal&) = default;
};

/// The head of a request. Names of header fields are in lower case, and a field that was sent twice is there twice.
struct request_head {
    std::string_view method;
    std::string_view target; ///< as sent
    bool http_1_1 = true;    ///< false: HTTP/1.0
    const std::vector<std::pair<std::string, std::string>>& headers;
};

/// Why the request is refused, or nullopt: 400, 417 (an expectation other than 100-continue) or 501 (a transfer coding other
/// than chunked).
[[nodiscard]] std::optional<refusal> check_head(const request_head& head);

/// Why a request is refused whose first line a parser did not take. `begin`: what came, from that line on. 414 when the line has
/// no end, 505 when its version has the form of one that is not ours, else 400.
[[nodiscard]] refusal refuse_request_line(std::string_view begin);

/// True when the request asks for "100 Continue" before it sends its body. Not for HTTP/1.0 (RFC 9110, 10.1.1).
[[nodiscard]] bool expects_continue(const request_head& head);

/// Whether the client allows another request on the connection: in HTTP/1.1 unless an option says "close", in HTTP/1.0 only when
/// one says "keep-alive" and none "close" (RFC 9112, 9.3).
[[nodiscard]] bool keeps_connection(const request_head& head);

/// Path and query of a target that passed check_head: of "http://host/path?query" without its beginning (RFC 9112, 3.2.2), of
/// others as it is. OPTIONS of "http://host" asks for the server itself, "*" (RFC 9112, 3.2.4).
[[nodiscard]] std::string origin_form(std::string_view method, std::string_view target);

} // namespace ctms::http
