// SPDX-License-Identifier: MPL-2.0
#include "idempotency.hpp"

#include "answers.hpp"
#include "preconditions.hpp"

#include <support/prometheus_metrics.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace ctms::web {
namespace {

constexpr std::string_view header_name = "idempotency-key";
constexpr std::size_t longest_key = 255;

error bad_key() {
    return malformed(fmt::format("Idempotency-Key must be one string of 1 to {} visible ASCII characters, such as a UUID", longest_key));
}

/// The content of a string of Structured Fields (RFC 9651, 3.3.3) without parameters.
std::optional<std::string> unquoted(std::string_view text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
    text = text.substr(1, text.size() - 2);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') return std::nullopt;
        if (text[i] == '\\' && (++i == text.size() || (text[i] != '"' && text[i] != '\\'))) return std::nullopt;
        out += text[i];
    }
    return out;
}

/// Everything that makes it the same request. The target and header fields contain no line feed.
std::string text_of(const request& http) {
    return fmt::format("{} {}\n{}\n{}\n{}\n{}", http.method, http.target, http.header("if-match"), http.header("if-none-match"),
                       http.header("content-type"), http.body);
}

std::string_view name_of(service::key_use use) {
    switch (use) {
    case service::key_use::first: return "first";
    case service::key_use::again: return "again";
    case service::key_use::running: return "running";
    case service::key_use::other_request: return "other_request";
    case service::key_use::erased: return "erased";
    }
    return "first";
}

response from_kept(const request& http, model::kept_answer kept) {
    auto out = json_response(kept.status, std::move(kept.body));
    if (!kept.entity_tag.empty()) set_entity_tag(out, kept.entity_tag);
    if (kept.location.empty()) return out;
    out.headers.emplace_back("Content-Location", kept.location);
    if (http.method == "POST") out.headers.emplace_back("Location", kept.location);
    return out;
}

} // namespace

bool has_idempotency_key(const request& http) {
    return std::any_of(http.headers.begin(), http.headers.end(), [](const auto& header) { return header.first == header_name; });
}

result<std::optional<service::request_key>> idempotency_key(const call& now) {
    const auto is_key = [](const auto& header) { return header.first == header_name; };
    const auto count = std::count_if(now.http.headers.begin(), now.http.headers.end(), is_key);
    if (count == 0) return std::optional<service::request_key>();
    if (count > 1) return bad_key();
    const auto sent = now.http.header(header_name);
    const auto key = sent.starts_with('"') ? unquoted(sent) : std::optional(std::string(sent));
    const auto is_visible = [](char c) { return c > 0x20 && c < 0x7F; };
    const bool is_good = key && !key->empty() && key->size() <= longest_key && std::all_of(key->begin(), key->end(), is_visible);
    if (!is_good) return bad_key();
    return std::optional(service::request_key{now.facts.client_id, *key, text_of(now.http), now.http.id});
}

model::kept_answer to_kept(response&& answer, std::vector<uuid> email_ids) {
    model::kept_answer out{.status = answer.status, .body = std::move(answer.body), .email_ids = std::move(email_ids)};
    for (auto& [name, value] : answer.headers) {
        if (name == "ETag") out.entity_tag = value.substr(1, value.size() - 2);
        if (name == "Content-Location") out.location = std::move(value);
    }
    return out;
}

response keyed_response(call& now, const services& all, result<service::keyed_outcome> outcome) {
    using enum service::key_use;
    if (!outcome) return failed(now, outcome.error());
    now.facts.key_use = name_of(outcome->use);
    all.metrics.key_used(now.facts.key_use);
    switch (outcome->use) {
    case running: {
        auto out = detail_response(409, "A request with this Idempotency-Key is in progress");
        out.headers.emplace_back("Retry-After", "1");
        return out;
    }
    case other_request: return detail_response(422, "This Idempotency-Key was used for another request");
    case erased: return detail_response(410, "The answer for this Idempotency-Key was erased, because its contact was deleted");
    case first:
    case again: break;
    }
    return from_kept(now.http, std::move(outcome->answer));
}

} // namespace ctms::web
