// SPDX-License-Identifier: MPL-2.0
// Requests and responses as the routes see them: plain data, without Beast.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/trace_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::web {

/// Header fields in the order sent, with names in lower case.
using header_list = std::vector<std::pair<std::string, std::string>>;

struct request {
    std::string method; ///< upper case
    std::string target; ///< path and query, as sent
    std::string path;   ///< percent-decoded
    std::string query;  ///< the part after the '?', not decoded
    header_list headers;
    std::string body;
    std::string peer_address;
    unsigned short peer_port = 0;
    std::string id;                     ///< the client's X-Request-Id, or a new one
    std::optional<trace_context> trace; ///< of the traceparent that the client sent, if it is valid
    std::chrono::steady_clock::time_point received{};

    /// The value of a header, or its last value if it is repeated; "" if there is none.
    [[nodiscard]] std::string_view header(std::string_view lower_case_name) const noexcept;
    /// The token of an Authorization header with the scheme Bearer (RFC 6750), possibly empty; nullopt if there is no such header.
    [[nodiscard]] std::optional<std::string_view> bearer_token() const noexcept;
};

/// Appends the next piece of a body, which may be empty, and returns whether another one follows. Blocks. It is called on the lane
/// of the route, never concurrently, while the previous piece is sent, at most one piece ahead, and not again after an error.
using body_source = std::function<result<bool>(std::string& piece)>;

class event_source;  // event_source.hpp
class line_exchange; // line_exchange.hpp
struct next_step;    // route.hpp

struct response {
    int status = 200;
    std::string_view content_type = "application/json"; ///< a constant; "": none
    std::string body;
    std::shared_ptr<const std::string> shared_body; ///< if set, the body instead of `body`: a long text that several responses share
    body_source rest;                               ///< of a streamed response: makes what follows `body`; called at least once
    std::shared_ptr<event_source> events;           ///< if set, the body: the response stays open, and the connection ends with it
    std::shared_ptr<line_exchange> lines;           ///< if set, the body: made in turn with reading the request's body, see line_exchange
    header_list headers;                            ///< in addition to those that every response has
    bool close = false;                             ///< close the connection after this response
    std::shared_ptr<const next_step> next;          ///< if set, this is not the final response: see next_step

    [[nodiscard]] std::string_view content() const noexcept {
        return shared_body ? std::string_view(*shared_body) : std::string_view(body);
    }
};

/// Says that the response depends on a header field of the request (Vary; RFC 9110, 12.5.5), once for each field.
void add_vary(response& answer, std::string_view field);

} // namespace ctms::web
