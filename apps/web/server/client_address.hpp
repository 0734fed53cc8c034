// SPDX-License-Identifier: MPL-2.0
// Finds the address of the real client behind trusted proxies. Pure functions, thread safe.
#pragma once

#include "message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ctms::web {

/// The peer's address or, if the peer is a trusted proxy, the last address in X-Forwarded-For that is not a trusted proxy.
/// `trusted` holds valid addresses and networks ("10.0.0.0/8"). Ports, brackets and quotes around an address and the interface of a
/// link-local address are removed, and empty list members are skipped. A member that is not an address is returned unchanged.
[[nodiscard]] std::string client_address(const request& http, const std::vector<std::string>& trusted);
/// Does the same for a request that has not been read completely. The names in `headers` are in lower case.
[[nodiscard]] std::string client_address(std::string_view peer, const header_list& headers, const std::vector<std::string>& trusted);

/// Whether `address` is one of the trusted addresses or belongs to one of the trusted networks.
[[nodiscard]] bool is_trusted(std::string_view address, const std::vector<std::string>& trusted);

/// The key under which a client is counted. An IPv4 address, also one mapped into IPv6, is one client. An IPv6 client owns at least
/// a /64 (RFC 6177), so all addresses of that network are one client: "2001:db8:1:2::/64". All texts that are not addresses count
/// as one client, "unknown".
[[nodiscard]] std::string network_of(std::string_view address);

/// The /48 of an IPv6 address, which is the most that a provider assigns to one customer (RFC 6177); "" for any other text.
[[nodiscard]] std::string site_of(std::string_view address);

} // namespace ctms::web
