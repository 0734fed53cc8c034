// SPDX-License-Identifier: MPL-2.0
#include "cache_control.hpp"
#include "net/http_client.hpp"

#include <ctms/auth/google_id_token.hpp>

#include <fmt/format.h>

#include <utility>

namespace ctms::auth {
namespace {

constexpr std::size_t longest_document = 1 << 20;

// A header may stand on several lines (RFC 9110, 5.3).
std::string joined(const net::header_list& headers, std::string_view name) {
    std::string out;
    for (const auto& [key, value] : headers) {
        if (key == name) (out += out.empty() ? "" : ", ") += value;
    }
    return out;
}

error unavailable(std::string detail) { return {errc::unavailable, "Service temporarily unavailable", std::move(detail), {}, {}}; }

result<key_document> fetch(net::http_client& client) {
    net::http_outcome outcome = client.send({"GET", "", {{"Accept", "application/json"}}, ""});
    if (outcome.has_error()) return std::move(outcome).error();
    if (outcome->status != 200) return unavailable(fmt::format("the key server answered with status {}", outcome->status));
    if (outcome->body.size() > longest_document) return unavailable("answer too long");
    const auto max_age = allowed_age(joined(outcome->headers, "cache-control"), outcome->header("age"));
    return key_document{std::move(outcome->body), max_age};
}

} // namespace

key_source fetch_keys_from(const std::string& url) {
    net::http_options options;
    options.timeout = std::chrono::seconds{5};
    options.most_idle = 1;
    options.longest_body = longest_document;
    // Shared, because a std::function is copied.
    return [client = std::make_shared<net::http_client>(url, std::move(options))] { return fetch(*client); };
}

} // namespace ctms::auth
