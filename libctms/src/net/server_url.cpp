// SPDX-License-Identifier: MPL-2.0
#include "server_url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <stdexcept>

namespace ctms::net {
namespace {

namespace urls = boost::urls;

[[noreturn]] void refuse(const char* why) { throw std::invalid_argument(std::string("not the URL of an HTTP server: ") + why); }

bool reads_tls(const urls::url_view& url) {
    if (url.scheme_id() == urls::scheme::https) return true;
    if (url.scheme_id() != urls::scheme::http) refuse("it must start with http:// or https://");
    return false;
}

std::uint16_t read_port(const urls::url_view& url, std::uint16_t usual) {
    if (!url.has_port() || url.port().empty()) return usual;
    if (url.port_number() == 0) refuse("the port is not a number from 1 to 65535");
    return url.port_number();
}

void read_host(const urls::url_view& url, server_url& out) {
    switch (url.host_type()) {
    case urls::host_type::ipv4:
    case urls::host_type::ipv6: out.is_address = true; break;
    case urls::host_type::name:
        // A decoded name could contain anything, and no DNS name needs percent-encoding.
        if (url.encoded_host().contains('%')) refuse("the host is not a valid name");
        break;
    default: refuse("the host is neither a name nor an address");
    }
    out.host = url.host_address();
    if (out.host.empty()) refuse("it has no host");
    out.authority = std::string(url.encoded_host());
}

} // namespace

server_url parse_server_url(std::string_view text) {
    const auto parsed = urls::parse_uri({text.data(), text.size()});
    if (!parsed) refuse("it cannot be parsed");
    const auto& url = *parsed;
    server_url out;
    out.tls = reads_tls(url);
    if (url.has_userinfo()) refuse("it contains user information");
    if (url.has_query() || url.has_fragment()) refuse("it has a query or a fragment");
    read_host(url, out);
    const std::uint16_t usual = out.tls ? 443 : 80;
    out.port = read_port(url, usual);
    if (out.port != usual) out.authority += ":" + std::to_string(out.port);
    out.path = std::string(url.encoded_path());
    // Boost 1.81 stops early and treats the rest as a path: "host:x" as a host and "x", "10.0.0.1.example" as an address and ".example".
    if (!out.path.empty() && out.path.front() != '/') refuse("the host or the port cannot be parsed");
    return out;
}

std::string server_url::target_of(std::string_view target) const {
    std::string_view base = path;
    if (base.ends_with('/') && target.starts_with('/')) base.remove_suffix(1);
    auto out = std::string(base) + std::string(target);
    return out.starts_with('/') ? out : "/" + out;
}

} // namespace ctms::net
