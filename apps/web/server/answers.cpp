// SPDX-License-Identifier: MPL-2.0
#include "answers.hpp"

#include <ctms/json/contact_json.hpp>

#include <fmt/core.h>

namespace ctms::web {

int to_status(errc code) noexcept {
    switch (code) {
    case errc::malformed:
    case errc::forbidden: return 400; // like the Python service, which answers 400 instead of 403 to a disabled client
    case errc::invalid: return 422;
    case errc::unauthorized: return 401;
    case errc::missing_role: return 403;
    case errc::not_found: return 404;
    case errc::conflict: return 409;
    case errc::too_many: return 429;
    case errc::unavailable:
    case errc::outcome_unknown:
    case errc::misconfigured:
    case errc::interrupted: return 503;
    }
    return 500;
}

bool is_failure_here(errc code) noexcept { return to_status(code) == 503; }

response to_response(const error& failure) {
    std::string body;
    json::write_error(body, failure);
    auto out = json_response(to_status(failure.code), std::move(body));
    if (out.status == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (out.status == 429) out.headers.emplace_back("Retry-After", "60");
    return out;
}

response failed(call& now, const error& failure) {
    auto out = to_response(failure);
    if (is_failure_here(failure.code)) {
        now.facts.error = failure.detail.empty() ? failure.message : failure.detail;
        now.facts.traceback = fmt::format("{}: {}", to_string(failure.code), now.facts.error); // says where an exception was thrown
    }
    return out;
}

error not_authenticated() { return unauthorized("Not authenticated"); }

response json_response(int status, std::string body) {
    response out;
    out.status = status;
    out.body = std::move(body);
    return out;
}

response lines_response(body_source lines, const std::function<response(const error&)>& refused) {
    response out;
    out.content_type = "application/x-ndjson";
    out.headers.emplace_back("Vary", "Accept");
    const auto more = lines(out.body);
    if (!more) return refused(more.error());
    if (*more) out.rest = std::move(lines);
    return out;
}

response detail_response(int status, std::string_view detail) {
    std::string body;
    json::write_error(body, malformed(std::string(detail)));
    return json_response(status, std::move(body));
}

response busy_response() { return to_response(service_unavailable()); }

response too_many_waiting_response() { return to_response(too_many("Too many attempts are waiting, try again in a minute")); }

response too_many_at_once_response() {
    auto out = detail_response(429, "Too many concurrent requests from one address");
    out.headers.emplace_back("Retry-After", "1");
    return out;
}

response internal_error_response() {
    response out;
    out.status = 500;
    out.content_type = "text/plain; charset=utf-8";
    out.body = "Internal Server Error";
    return out;
}

} // namespace ctms::web
