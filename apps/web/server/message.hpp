// SPDX-License-Identifier: MPL-2.0
// A request and an answer as the routes see them: plain data, without Beast.
#pragma once

#include <ctms/base/result.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::web {

/// Header names are in lower case, in the order sent.
using header_list = std::vector<std::pair<std::string, std::string>>;

struct request {
    std::string method; ///< upper case
    std::string target; ///< path and query, as sent
    std::string path;   ///< decoded
    std::string query;  ///< after the '?', not decoded
    header_list headers;
    std::string body;
    std::string peer_address;
    unsigned short peer_port = 0;
    std::string id; ///< X-Request-Id, taken or made
    std::chrono::steady_clock::time_point received{};

    /// The value of a header, the last one if it repeats; "" without one.
    [[nodiscard]] std::string_view header(std::string_view lower_case_name) const noexcept;
    [[nodiscard]] bool has_header(std::string_view lower_case_name) const noexcept;
    /// The token of an Authorization header of the scheme Bearer (RFC 6750), which may be empty; nullopt without such a header.
    [[nodiscard]] std::optional<std::string_view> bearer_token() const noexcept;
};

/// Appends the next piece of a body, which may be empty, and says whether another follows. Blocks; is called on the lane of the
/// route, never twice at a time, and not before the last piece was sent. After an error it is not called again.
using body_source = std::function<result<bool>(std::string& piece)>;

struct next_step; // route.hpp

struct response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    body_source rest;                      ///< of an answer that is sent while it is made: what follows `body`, asked once at least
    header_list headers;                   ///< beyond those that every answer has
    bool close = false;                    ///< end the connection after this answer
    std::shared_ptr<const next_step> next; ///< set when this is not an answer yet: see there
};

} // namespace ctms::web
