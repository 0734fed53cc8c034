// SPDX-License-Identifier: MPL-2.0
// Tells addresses on the public Internet from those of this machine, its network and other special uses. Pure functions. Private to the
// library.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <string>

namespace ctms::net {

/// Returns false for addresses that the registries of IANA list as not globally reachable
/// (https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry), for
/// multicast addresses, and for IPv6 addresses that contain such an IPv4 address (mapped, NAT64, 6to4). Also false for Teredo, whose server
/// decides where packets go.
[[nodiscard]] bool is_public(const boost::asio::ip::address& address);

/// Returns true if `host` is written as an address, without brackets, and is_public() is false for it.
[[nodiscard]] bool is_special_address(const std::string& host);

} // namespace ctms::net
