// SPDX-License-Identifier: MPL-2.0
#include "client_address.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <algorithm>
#include <string_view>

namespace ctms::web {
namespace {

namespace ip = boost::asio::ip;

bool is_in(const ip::address& address, const std::string& network) {
    boost::system::error_code ec;
    if (network.find('/') == std::string::npos) return ip::make_address(network, ec) == address && !ec;
    if (address.is_v4()) {
        const auto range = ip::make_network_v4(network, ec);
        return !ec && ip::network_v4(address.to_v4(), range.prefix_length()).canonical() == range.canonical();
    }
    const auto range = ip::make_network_v6(network, ec);
    return !ec && ip::network_v6(address.to_v6(), range.prefix_length()).canonical() == range.canonical();
}

std::string_view trim(std::string_view text) {
    const auto first = std::min(text.find_first_not_of(' '), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

} // namespace

bool is_trusted(std::string_view text, const std::vector<std::string>& trusted) {
    boost::system::error_code ec;
    auto address = ip::make_address(std::string(text), ec);
    if (ec) return false;
    if (address.is_v6() && address.to_v6().is_v4_mapped()) address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
    return std::any_of(trusted.begin(), trusted.end(), [&](const auto& network) { return is_in(address, network); });
}

std::string client_address(const request& http, const std::vector<std::string>& trusted) {
    std::string_view address = http.peer_address;
    auto forwarded = http.header("x-forwarded-for");
    // Each proxy appends the address it was called from: from the right, as far as they can be believed.
    while (!forwarded.empty() && is_trusted(address, trusted)) {
        const auto comma = forwarded.rfind(',');
        address = trim(forwarded.substr(comma == std::string_view::npos ? 0 : comma + 1));
        forwarded = forwarded.substr(0, comma == std::string_view::npos ? 0 : comma);
    }
    return std::string(address);
}

std::string network_of(std::string_view address) {
    constexpr unsigned short prefix = 64;
    boost::system::error_code ec;
    const auto parsed = ip::make_address(std::string(address), ec);
    if (ec) return "unknown"; // a proxy passed on what its client made up
    if (parsed.is_v4()) return parsed.to_string();
    auto v6 = parsed.to_v6();
    if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6).to_string();
    v6.scope_id(0);
    return ip::network_v6(v6, prefix).canonical().to_string();
}

} // namespace ctms::web
