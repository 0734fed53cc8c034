// SPDX-License-Identifier: MPL-2.0
#include "google_key_answer.hpp"

#include "cache_control.hpp"

#include <fmt/core.h>

#include <utility>

namespace ctms::auth {
namespace {

// Joins the values of a header, which may be on several lines (RFC 9110, 5.3).
std::string joined(const net::header_list& headers, std::string_view name) {
    std::string out;
    for (const auto& [key, value] : headers) {
        if (key == name) (out += out.empty() ? "" : ", ") += value;
    }
    return out;
}

} // namespace

result<key_document> key_document_from(net::http_outcome outcome) {
    if (outcome.has_error()) return std::move(outcome).error();
    if (outcome->status != 200) return service_unavailable(fmt::format("the key server answered with status {}", outcome->status));
    if (outcome->body.size() > longest_key_document) return service_unavailable("answer too long");
    const auto max_age = allowed_age(joined(outcome->headers, "cache-control"), joined(outcome->headers, "age"));
    return key_document{std::move(outcome->body), max_age};
}

} // namespace ctms::auth
