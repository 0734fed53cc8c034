// SPDX-License-Identifier: MPL-2.0
// The location of an HTTP server, from a URL. Plain values. Private to net.
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
    std::string authority; ///< the value of the Host header: IPv6 in brackets, and the port unless it is the default
    std::string path;      ///< percent-encoded, "" or "/..."

    /// The target of a request: the path followed by `target` (a path, a query or both); never empty.
    [[nodiscard]] std::string target_of(std::string_view target) const;
};

/// Reads "http[s]://host[:port][/path]". Throws std::invalid_argument for anything else: another scheme, no host, user
/// information, a query or fragment, an invalid port. The message does not contain the URL, which may include a password.
[[nodiscard]] server_url parse_server_url(std::string_view text);

} // namespace ctms::net
