// SPDX-License-Identifier: MPL-2.0
// Where an HTTP server is, as an URL says it. Plain values. Private to net.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ctms::net {

struct server_url {
    bool tls = false;
    std::string host; ///< a name, or an address without brackets
    bool is_address = false;
    std::uint16_t port = 0;
    std::string authority; ///< what the header Host says: brackets around IPv6, the port unless it is the scheme's own
    std::string path;      ///< percent-encoded, "" or "/..."

    /// The target of a request: `target` (path, query or both) behind the path; never empty.
    [[nodiscard]] std::string target_of(std::string_view target) const;
};

/// Reads "http[s]://host[:port][/path]". Throws std::invalid_argument, without the URL in its text (it may hold a
/// password), for anything else: another scheme, no host, user information, a query or fragment, a port that is none.
[[nodiscard]] server_url parse_server_url(std::string_view text);

} // namespace ctms::net
