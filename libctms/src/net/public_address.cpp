// SPDX-License-Identifier: MPL-2.0
#include "public_address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace ctms::net {
namespace {

using boost::asio::ip::address_v6;

/// An IPv4 network.
struct network_v4 {
    std::uint32_t address;
    int bits;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) { return a << 24U | b << 16U | c << 8U | d; }

constexpr std::array special_v4{
    network_v4{v4(0, 0, 0, 0), 8},       // this network
    network_v4{v4(10, 0, 0, 0), 8},      // private
    network_v4{v4(100, 64, 0, 0), 10},   // shared by carriers
    network_v4{v4(127, 0, 0, 0), 8},     // loopback
    network_v4{v4(169, 254, 0, 0), 16},  // link-local, also metadata of cloud providers
    network_v4{v4(172, 16, 0, 0), 12},   // private
    network_v4{v4(192, 0, 0, 0), 24},    // protocol assignments
    network_v4{v4(192, 0, 2, 0), 24},    // documentation
    network_v4{v4(192, 88, 99, 0), 24},  // 6to4 relays, deprecated
    network_v4{v4(192, 168, 0, 0), 16},  // private
    network_v4{v4(198, 18, 0, 0), 15},   // benchmarks
    network_v4{v4(198, 51, 100, 0), 24}, // documentation
    network_v4{v4(203, 0, 113, 0), 24},  // documentation
    network_v4{v4(224, 0, 0, 0), 3},     // multicast, reserved, broadcast
};

bool is_public_v4(std::uint32_t address) {
    return std::none_of(special_v4.begin(), special_v4.end(), [address](const network_v4& network) {
        return (address ^ network.address) >> static_cast<unsigned>(32 - network.bits) == 0;
    });
}

/// Whether the first `bits` of the address are those of `prefix`.
bool begins_with(const address_v6::bytes_type& address, std::initializer_list<unsigned char> prefix, unsigned bits) {
    const auto* expected = prefix.begin();
    for (std::size_t at = 0; bits > 0; ++at, ++expected) {
        const unsigned here = std::min(bits, 8U);
        const auto differs = static_cast<unsigned>(address.at(at) ^ *expected);
        if (differs >> (8U - here) != 0) return false;
        bits -= here;
    }
    return true;
}

std::uint32_t embedded_v4(const address_v6::bytes_type& address, std::size_t at) {
    return v4(address.at(at), address.at(at + 1), address.at(at + 2), address.at(at + 3));
}

bool is_public_v6(const address_v6::bytes_type& address) {
    if (begins_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96)) return is_public_v4(embedded_v4(address, 12));    // mapped
    if (begins_with(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}, 96)) return is_public_v4(embedded_v4(address, 12)); // NAT64
    if (!begins_with(address, {0x20}, 3)) return false;                                       // only 2000::/3 is assigned
    if (begins_with(address, {0x20, 0x02}, 16)) return is_public_v4(embedded_v4(address, 2)); // 6to4
    return !begins_with(address, {0x20, 0x01, 0x00}, 23) &&
           !begins_with(address, {0x20, 0x01, 0x0d, 0xb8}, 32) && // protocols, documentation
           !begins_with(address, {0x3f, 0xff, 0x00}, 20);         // documentation
}

} // namespace

bool is_public(const boost::asio::ip::address& address) {
    return address.is_v4() ? is_public_v4(address.to_v4().to_uint()) : is_public_v6(address.to_v6().to_bytes());
}

bool is_special_address(const std::string& host) {
    boost::system::error_code no_address;
    const auto address = boost::asio::ip::make_address(host, no_address);
    return !no_address && !is_public(address);
}

} // namespace ctms::net
