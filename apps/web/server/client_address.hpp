// SPDX-License-Identifier: MPL-2.0
// The address of who really asks, behind proxies that are trusted to tell it. Pure, thread safe.
#pragma once

#include "message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ctms::web {

/// The peer's address; or, when the peer is a trusted proxy, the last address in X-Forwarded-For that is none.
/// `trusted`: addresses and networks ("10.0.0.0/8"), valid ones.
[[nodiscard]] std::string client_address(const request& http, const std::vector<std::string>& trusted);

/// Whether an address is one of these, or in one of these networks.
[[nodiscard]] bool is_trusted(std::string_view address, const std::vector<std::string>& trusted);

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which one machine has to itself.
/// Text that is not an address counts as one client together, "unknown".
[[nodiscard]] std::string network_of(const std::string& address);

} // namespace ctms::web
