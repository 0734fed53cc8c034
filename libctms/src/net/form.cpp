// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/http_client.hpp>

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

namespace ctms::net {
namespace {

std::string encode_one(std::string_view text) {
    boost::urls::encoding_opts options;
    options.space_as_plus = true;
    return boost::urls::encode({text.data(), text.size()}, boost::urls::unreserved_chars, options);
}

} // namespace

std::string form_encode(const std::vector<std::pair<std::string_view, std::string_view>>& values) {
    std::string out;
    for (const auto& [name, value] : values) {
        if (!out.empty()) out += '&';
        out += encode_one(name) + "=" + encode_one(value);
    }
    return out;
}

} // namespace ctms::net
