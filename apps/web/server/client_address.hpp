// SPDX-License-Identifier: MPL-2.0
// The address of who really asks, behind proxies that are trusted to tell it. Pure, thread safe.
#pragma once

#include "message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ctms::web {

/// The peer's address; or, when the peer is a trusted proxy, the last address in X-Forwarded-For that is not.
/// `trusted`: addresses and networks ("10.0.0.0/8"), valid ones. Ports, brackets and quotes around an address are left out, and
/// so are empty members of the list. What is not an address there is given as it is.
[[nodiscard]] std::string client_address(const request& http, const std::vector<std::string>& trusted);
/// The same before there is a request. `headers`: names in lower case.
[[nodiscard]] std::string client_address(std::string_view peer, const header_list& headers, const std::vector<std::string>& trusted);

/// Whether an address is one of these, or in one of these networks.
[[nodiscard]] bool is_trusted(std::string_view address, const std::vector<std::string>& trusted);

/// Whom an address belongs to when clients are counted: an IPv4 address is one (one that is mapped into IPv6 too), while of IPv6
/// a client owns a /64 at least (RFC 6177), which stands for all its addresses: "2001:db8:1:2::/64". Text that is not an address
/// counts as one client together, "unknown".
[[nodiscard]] std::string network_of(std::string_view address);

} // namespace ctms::web
