// SPDX-License-Identifier: MPL-2.0
// Forms, queries and the lists in headers. Input: a header's value on the first line, then a body.
#include "fuzz_target.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/net/http_client.hpp>
#include <support/list_items.hpp>
#include <web/server/accept.hpp>
#include <web/server/client_address.hpp>
#include <web/server/compression.hpp>
#include <web/server/form.hpp>

#include <algorithm>
#include <cstring>

namespace {

using namespace ctms;
using fuzz::require;

// A byte that is not UTF-8 becomes U+FFFD, which takes three bytes.
constexpr std::size_t growth = 3;

void check_decoding(std::string_view text) {
    for (const bool plus : {false, true}) {
        const auto decoded = web::percent_decode(text, plus);
        require(is_valid_utf8(decoded), "decoded text is valid UTF-8");
        require(decoded.size() <= growth * text.size(), "decoded text is at most three times as long");
    }
    const auto encoded = web::percent_encode_path(text);
    require(encoded.size() <= 3 * text.size(), "encoded text is at most three times as long");
    if (is_valid_utf8(text)) require(web::percent_decode(encoded, false) == text, "decoding restores the encoded text");
}

void check_values(const web::form_values& values, std::size_t input) {
    std::size_t total = 0;
    for (const auto& [name, value] : values.pairs()) {
        require(is_valid_utf8(name) && is_valid_utf8(value), "names and values are valid UTF-8");
        require(values.find(name).has_value(), "every name is found");
        total += name.size() + value.size();
    }
    require(total <= growth * input, "values are at most three times as long as the form");
}

void check_urlencoded(std::string_view text) {
    const auto values = web::parse_urlencoded(text);
    check_values(values, text.size());
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    for (const auto& [name, value] : values.pairs()) pairs.emplace_back(name, value);
    require(web::parse_urlencoded(net::form_encode(pairs)).pairs() == values.pairs(), "a written form is read back unchanged");
}

/// True for a name that can be quoted on one line.
bool is_plain(std::string_view name) { return name.find_first_of("\"\r\n") == std::string_view::npos; }

void check_multipart(std::string_view type, std::string_view body) {
    const auto values = web::parse_multipart(type, body);
    if (!values) return;
    check_values(*values, body.size());
    constexpr std::string_view boundary = "a-boundary-that-no-input-holds-0123456789";
    if (body.find(boundary) != std::string_view::npos) return;
    if (!std::all_of(values->pairs().begin(), values->pairs().end(), [](const auto& pair) { return is_plain(pair.first); })) return;
    std::string written;
    for (const auto& [name, value] : values->pairs()) {
        written.append("--").append(boundary).append("\r\nContent-Disposition: form-data; name=\"").append(name);
        written.append("\"\r\n\r\n").append(value).append("\r\n");
    }
    written.append("--").append(boundary).append("--\r\n");
    const auto again = web::parse_multipart("multipart/form-data; boundary=" + std::string(boundary), written);
    require(again && again->pairs() == values->pairs(), "a written multipart form is read back unchanged");
}

void check_header(std::string_view value) {
    const auto type = web::media_type(value);
    require(type == ascii_lower(type) && type.find(';') == std::string::npos, "a media type is in lower case and without parameters");
    (void)web::accepts_gzip(value);
    const double weight = web::weight_of(value);
    require(weight >= 0 && weight <= 1, "a weight is between 0 and 1");
    for (auto rest = value; !rest.empty();) {
        const auto before = rest.size();
        (void)support::next_item(rest, ',');
        require(rest.size() < before, "taking an item makes the rest shorter");
    }
    web::request asked;
    asked.peer_address = "127.0.0.1";
    asked.headers = {{"accept", std::string(value)}, {"authorization", std::string(value)}, {"x-forwarded-for", std::string(value)}};
    (void)web::prefers(asked, "application/x-ndjson", "application/json");
    (void)asked.bearer_token();
    const auto address = web::client_address(asked, {"127.0.0.0/8", "::1", "10.0.0.0/8", "fd00::/8"});
    require(address.size() <= std::max(value.size(), asked.peer_address.size()), "the address is not longer than the peer's or the header");
}

} // namespace

CTMS_FUZZ_TARGET(form) {
    const auto header = ctms::fuzz::take_line(input);
    check_header(header);
    check_decoding(input);
    check_urlencoded(input);
    check_multipart(header, input);
}
