// SPDX-License-Identifier: MPL-2.0
#include "problem.hpp"

#include "accept.hpp"

#include <ctms/base/json_text.hpp>

#include <boost/beast/http/status.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace ctms::web {
namespace {

namespace bj = boost::json;

constexpr std::string_view json = "application/json";
constexpr std::string_view problem = "application/problem+json";

/// The code of RFC 6749 for an error of /token.
std::string_view oauth_error(const exchange& one) {
    switch (one.answer.status) {
    case 401: return "invalid_client";
    case 400: return one.facts.token_fail.empty() ? "invalid_request" : "invalid_client";
    case 422: return "unsupported_grant_type";
    case 429:
    case 503: return "temporarily_unavailable";
    default: return "invalid_request";
    }
}

std::string_view title_of(int status) {
    const auto text = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    return {text.data(), text.size()};
}

/// The body in the form of RFC 9457. The type is about:blank, which says that the status is all there is to know about the kind.
bj::object as_problem(const exchange& one, const bj::object& body) {
    const auto status = one.answer.status;
    bj::object out{{"type", "about:blank"}, {"title", title_of(status)}, {"status", status}};
    for (const auto& [name, value] : body) {
        if (name != "detail" || value.is_string()) {
            out[name] = value;
            continue;
        }
        out[name] = "Invalid input";
        const auto* nested = value.is_object() ? value.as_object().if_contains("errors") : nullptr;
        out["errors"] = nested != nullptr ? *nested : value;
    }
    out["rid"] = one.http.id;
    return out;
}

bool is_plain_error(const response& answer) {
    const auto is_encoding = [](const auto& header) { return header.first == "Content-Encoding"; };
    return answer.status >= 400 && answer.content_type == json && !answer.shared_body && !answer.rest &&
           std::none_of(answer.headers.begin(), answer.headers.end(), is_encoding);
}

void describe(exchange& one) {
    const bool from_token = one.matched != nullptr && one.matched->path == "/token";
    if (!is_plain_error(one.answer)) return;
    const bool wants_problem = prefers(one.http, problem, json);
    add_vary(one.answer, "Accept");
    if (!from_token && !wants_problem) return;
    auto parsed = bj::parse(one.answer.body);
    auto& body = parsed.as_object();
    if (!body.contains("detail")) return;
    if (from_token) body["error"] = oauth_error(one);
    auto text = bj::serialize(wants_problem ? as_problem(one, body) : body);
    if (wants_problem) one.answer.content_type = problem;
    one.answer.body = std::move(text);
}

} // namespace

void describe_error(exchange& one) noexcept {
    try {
        describe(one);
    } catch (const std::exception&) { // not enough memory: the plain error says what is wrong, too
    }
}

} // namespace ctms::web
