// SPDX-License-Identifier: MPL-2.0
#include "client_address.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

namespace ctms::web {
namespace {

namespace ip = boost::asio::ip;

/// An IP address in the form in which it is compared: without the interface of a link-local address, and an IPv4 address that is mapped
/// into IPv6 as an IPv4 address.
std::optional<ip::address> parse_address(std::string_view text) {
    boost::system::error_code ec;
    const auto address = ip::make_address(std::string(text), ec);
    if (ec) return std::nullopt;
    if (address.is_v4()) return address;
    auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6);
    v6.scope_id(0);
    return v6;
}

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

std::string_view without_blanks(std::string_view text) {
    const auto first = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(" \t") + 1);
}

/// An IPv6 address without its interface ("fe80::1%eth0"). Anything else is returned unchanged.
std::string_view without_interface(std::string_view text) {
    boost::system::error_code ec;
    const auto address = text.substr(0, text.find('%'));
    if (address.size() == text.size() || address.size() > INET6_ADDRSTRLEN) return text;
    ip::make_address_v6(std::string(address), ec);
    return ec ? text : address;
}

/// The address in a list member, without what some proxies add: a port ("192.0.2.1:4711"), brackets ("[2001:db8::1]",
/// "[2001:db8::1]:443") or quotes. Anything else is returned unchanged.
std::string_view address_in(std::string_view member) {
    if (member.size() >= 2 && member.front() == '"' && member.back() == '"') member = member.substr(1, member.size() - 2);
    if (member.starts_with('[')) {
        const auto close = member.find(']');
        const bool is_closed = close != std::string_view::npos && (close + 1 == member.size() || member[close + 1] == ':');
        return is_closed ? member.substr(1, close - 1) : member;
    }
    const auto colon = member.find(':');
    return colon == member.rfind(':') ? member.substr(0, colon) : member; // more than one colon: IPv6 without brackets
}

/// Reads the members of all X-Forwarded-For lines, which form one list (RFC 9110, 5.3), from last to first.
class forwarded_list {
public:
    explicit forwarded_list(const header_list& headers) : line_(headers.rbegin()), end_(headers.rend()) { skip_to_line(); }

    /// The next non-empty member, without surrounding blanks; nullopt at the end of the list.
    std::optional<std::string_view> next() {
        while (line_ != end_) {
            const auto comma = rest_.rfind(',');
            const auto member = without_blanks(rest_.substr(comma == std::string_view::npos ? 0 : comma + 1));
            if (comma == std::string_view::npos) {
                ++line_;
                skip_to_line();
            } else {
                rest_ = rest_.substr(0, comma);
            }
            if (!member.empty()) return member;
        }
        return std::nullopt;
    }

private:
    void skip_to_line() {
        while (line_ != end_ && line_->first != "x-forwarded-for") ++line_;
        if (line_ != end_) rest_ = line_->second;
    }

    header_list::const_reverse_iterator line_;
    header_list::const_reverse_iterator end_;
    std::string_view rest_; ///< the unread part of the line
};

} // namespace

bool is_trusted(std::string_view text, const std::vector<std::string>& trusted) {
    const auto address = parse_address(text);
    return address && std::any_of(trusted.begin(), trusted.end(), [&](const auto& network) { return is_in(*address, network); });
}

std::string client_address(std::string_view peer, const header_list& headers, const std::vector<std::string>& trusted) {
    constexpr int most_proxies = 32; // longer than any real chain of proxies
    std::string_view address = without_interface(peer);
    forwarded_list forwarded(headers);
    // Each proxy appends the address of its client: read from the right for as long as the proxies are trusted.
    for (int i = 0; i < most_proxies && is_trusted(address, trusted); ++i) {
        const auto member = forwarded.next();
        if (!member) break;
        address = without_interface(address_in(*member));
    }
    return std::string(address);
}

std::string client_address(const request& http, const std::vector<std::string>& trusted) {
    return client_address(http.peer_address, http.headers, trusted);
}

std::string network_of(std::string_view address) {
    constexpr unsigned short prefix = 64;
    const auto parsed = parse_address(address);
    if (!parsed) return "unknown"; // the client sent this text, and a proxy forwarded it
    return parsed->is_v4() ? parsed->to_string() : ip::network_v6(parsed->to_v6(), prefix).canonical().to_string();
}

std::string site_of(std::string_view address) {
    constexpr unsigned short prefix = 48;
    const auto parsed = parse_address(address);
    return parsed && parsed->is_v6() ? ip::network_v6(parsed->to_v6(), prefix).canonical().to_string() : std::string();
}

} // namespace ctms::web
