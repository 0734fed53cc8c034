// SPDX-License-Identifier: MPL-2.0
#include "exchange.hpp"

#include "answers.hpp"
#include "compression.hpp"
#include "event_source.hpp"
#include "line_exchange.hpp"
#include "preconditions.hpp"
#include "problem.hpp"
#include "request_log.hpp"
#include "router.hpp"

#include <ctms/service/client_uses.hpp>
#include <ctms/service/tokens.hpp>
#include <support/prometheus_metrics.hpp>
#include <support/traceback.hpp>

#include <algorithm>
#include <new>

namespace ctms::web {
namespace {

response redirect_to(const request& http, const std::string& path) {
    response out;
    out.status = 307;
    out.content_type = {};
    // A relative reference, because the scheme and host that the client used are not known for certain (RFC 9110, 10.2.2).
    const auto query = http.query.empty() ? std::string() : "?" + http.query;
    out.headers.emplace_back("Location", path + query);
    return out;
}

/// The response to a request that matches no route.
response unmatched(const request& http, const route_match& match) {
    if (!match.is_implemented) return detail_response(501, "Not Implemented");
    // Percent-encoding can make a path nine times as long, and clients refuse headers that are too long.
    constexpr std::size_t longest_location = 32 * 1024;
    if (!match.redirect.empty() && match.redirect.size() + http.query.size() < longest_location) return redirect_to(http, match.redirect);
    if (match.allowed.empty()) return detail_response(404, "Not Found");
    auto out = detail_response(405, "Method Not Allowed");
    if (http.path == "*") { // "OPTIONS *" asks about the server as a whole (RFC 9110, 9.3.7)
        out = {};
        out.content_type = {};
    }
    out.headers.emplace_back("Allow", match.allowed);
    return out;
}

error unreadable_body() { return malformed("There was an error parsing the body"); }

bool is_form(std::string_view type) { return type == "application/x-www-form-urlencoded" || type == "multipart/form-data"; }

bool is_json(std::string_view type) {
    return type.empty() || type == "application/json" || (type.starts_with("application/") && type.ends_with("+json"));
}

result<void> read_json_body(call& now) {
    const auto type = media_type(now.http.header("content-type"));
    if (is_form(type)) return unreadable_body();
    if (now.http.body.empty() || !is_json(type)) {
        now.body = now.http.body.empty() ? json::body::missing() : json::body::not_json();
        return {};
    }
    auto parsed = json::body::parse(now.http.body);
    if (!parsed) return parsed.error();
    now.body = std::move(*parsed);
    return {};
}

result<void> read_form_body(call& now) {
    const auto type = media_type(now.http.header("content-type"));
    if (!is_form(type)) return {};
    auto fields =
        type == "multipart/form-data" ? parse_multipart(now.http.header("content-type"), now.http.body) : parse_form(now.http.body);
    if (!fields) return unreadable_body();
    now.form = std::move(*fields);
    return {};
}

result<void> read_body(call& now, const route& matched) {
    if (matched.takes_lines && has_lines(now.http.headers)) return {};
    switch (matched.takes) {
    case body_kind::none: return {};
    case body_kind::json: return read_json_body(now);
    case body_kind::form: return read_form_body(now);
    }
    return {};
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

/// Checks the bearer token and the role of its client, and records the facts for the request's log line. Sets the limits of the client.
result<void> authenticate(call& now, model::role wanted, service::tokens& tokens, model::client_limits& limits) {
    const auto token = now.http.bearer_token();
    if (!token) return not_authenticated();
    const auto found = tokens.authenticate(*token, wanted);
    now.facts.client_id = found.client_id;
    now.facts.client_exists = found.client_exists;
    now.facts.must_have_precondition = found.must_have_precondition;
    limits = found.limits;
    if (found.verdict || !is_failure_here(found.verdict.error().code)) now.facts.client_allowed = found.verdict.has_value();
    if (!found.verdict && now.facts.client_allowed) now.facts.auth_fail = found.verdict.error().detail;
    return found.verdict;
}

bool is_read(const request& http) { return http.method == "GET" || http.method == "HEAD"; }

/// Whether a precondition forbids a write to a resource without entity tags (RFC 9110, 13.2): If-Match holds only for "*", and
/// If-None-Match holds for everything but "*".
bool has_unmet_precondition(const request& http) {
    if (is_read(http)) return false;
    return std::any_of(http.headers.begin(), http.headers.end(), [](const auto& header) {
        return (header.first == "if-match" && header.second != "*") || (header.first == "if-none-match" && header.second == "*");
    });
}

call to_call(exchange& one) {
    return {one.http, one.path_parameters, parse_urlencoded(one.http.query), std::nullopt, {}, one.facts, one.answer};
}

void note_exception(request_facts& facts, const std::exception& caught) {
    facts.error = support::exception_text(caught);
    facts.traceback = support::traceback_text(caught);
}

/// Calls `work` and turns an exception into the answer.
template <class Work>
void guard(exchange& one, const Work& work) noexcept {
    try {
        try {
            work();
        } catch (const std::bad_alloc&) {
            throw;
        } catch (const std::exception& caught) {
            one.answer = internal_error_response();
            note_exception(one.facts, caught);
        }
    } catch (const std::exception&) {
        // Memory is short at the moment. Nothing is wrong with the request, so the client may try again later.
        set_busy(one);
        one.facts.error = "out of memory"; // short enough to need no memory
    }
}

const trace_context* trace_of(const exchange& one) { return one.http.trace ? &*one.http.trace : nullptr; }

/// Gives an answer the form that the client asks for.
void shape(exchange& one) {
    if (!one.admitted.policy.empty()) {
        one.answer.headers.emplace_back("RateLimit-Policy", one.admitted.policy);
        one.answer.headers.emplace_back("RateLimit", one.admitted.state);
    }
    meet_preconditions(one.http, one.answer);
    describe_error(one);
    compress(one.http, one.answer);
}

} // namespace

void set_busy(exchange& one) noexcept {
    one.answer.next = nullptr;
    one.answer.rest = nullptr;
    one.answer.lines = nullptr;
    try {
        one.answer = busy_response();
    } catch (const std::exception&) {
        one.answer.status = 503;
        one.answer.body.clear();
        one.answer.shared_body.reset();
        one.answer.close = true;
    }
}

bool exchanger::takes_lines(std::string_view method, std::string_view target) const {
    const auto match = find_route(routes_, method, path_of(target));
    return match.found != nullptr && match.found->takes_lines;
}

bool exchanger::begin(exchange& one) const {
    services_.metrics.request_began();
    auto match = find_route(routes_, one.http.method, path_of(one.http.target));
    one.matched = match.found;
    one.path_parameters = std::move(match.parameters);
    if (one.matched == nullptr) {
        one.answer = unmatched(one.http, match);
        return false;
    }
    const auto token = one.matched->needs_token() ? one.http.bearer_token() : std::nullopt;
    const auto known = token ? services_.tokens.recall(*token) : std::nullopt;
    if (!known) return true;
    one.client = known->client_id;
    if (!known->limits) return true;
    auto refused = limit(one, known->client_id, *known->limits);
    if (!refused) return true;
    one.facts.client_id = known->client_id;
    one.facts.client_exists = true;
    one.answer = *std::move(refused);
    shape(one);
    return false;
}

std::optional<response> exchanger::limit(exchange& one, const std::string& client_id, const model::client_limits& limits) const {
    if (!one.admitted.is_decided) {
        one.admitted = services_.limiter.admit(client_id, limits);
        if (one.admitted.refused) services_.metrics.client_limited(client_id, to_string(*one.admitted.refused));
    }
    const auto& decision = one.admitted;
    if (!decision.refused) return std::nullopt;
    one.facts.limit = to_string(*decision.refused);
    auto out = detail_response(429, decision.reason);
    out.headers.emplace_back("Retry-After", std::to_string(decision.retry_after.count()));
    return out;
}

std::optional<response> exchanger::refuse(exchange& one, call& now) const {
    const auto& matched = *one.matched;
    // As in the Python service, a body that is not valid JSON is refused before the token is checked. For a large body the token is
    // checked first, because parsing takes time that only a client with a valid token may claim.
    constexpr std::size_t small_body = 16 * 1024;
    const auto check_token = [&]() -> std::optional<response> {
        if (!matched.needs_token()) return std::nullopt;
        model::client_limits limits;
        const auto allowed = authenticate(now, *matched.role, services_.tokens, limits);
        if (allowed) {
            one.client = now.facts.client_id; // a stream takes turns for as long as it lives
            return limit(one, now.facts.client_id, limits);
        }
        if (allowed.error().code == errc::unauthorized) one.admitted = {}; // whoever sent it learns nothing about the client
        return failed(now, allowed.error());
    };
    const bool token_first = now.http.body.size() > small_body;
    if (token_first) {
        if (auto refused = check_token()) return refused;
    }
    if (const auto read = read_body(now, matched); !read) return to_response(read.error());
    if (!token_first) {
        if (auto refused = check_token()) return refused;
    }
    if (!matched.has_tags && has_unmet_precondition(now.http)) return precondition_failed("");
    if (matched.has_tags && now.facts.must_have_precondition && !is_read(now.http) && !guards_against_overwriting(now.http)) {
        return detail_response(428, told_of_needed_precondition);
    }
    return std::nullopt;
}

void exchanger::answer(std::vector<exchange*>& some, const answered_early& early) const {
    std::vector<call> calls;
    std::vector<exchange*> owners; // of the calls
    std::vector<exchange*> refusals;
    calls.reserve(some.size());
    for (auto* one : some) {
        calls.push_back(to_call(*one));
        owners.push_back(one);
        auto refused = refuse(*one, calls.back());
        if (!refused) continue;
        one->answer = std::move(*refused);
        calls.pop_back();
        owners.pop_back();
        refusals.push_back(one);
    }
    const auto finish = [&](const std::vector<exchange*>& ready) {
        if (!early || ready.empty()) return;
        for (auto* one : ready) guard(*one, [&] { shape(*one); });
        early(ready);
        for (const auto* one : ready) std::erase(some, one);
    };
    const auto send = [&](std::span<call* const> answered) {
        std::vector<exchange*> ready;
        for (const auto* now : answered) ready.push_back(owners[static_cast<std::size_t>(now - calls.data())]);
        finish(ready);
    };
    if (!calls.empty()) {
        const auto& handler = some.front()->matched->run;
        finish(refusals);
        handler(calls, services_, send);
    }
    for (auto* one : some) shape(*one);
}

void exchanger::execute(std::span<exchange* const> some, const answered_early& early) const {
    std::vector<exchange*> left(some.begin(), some.end());
    if (left.size() > 1) {
        try {
            return answer(left, early);
        } catch (const std::exception&) { // the failure of one must not fail the others: answer each of them alone
        }
        for (auto* one : left) one->facts = {};
    }
    for (auto* one : left) {
        guard(*one, [&] {
            const trace_scope scope(trace_of(*one));
            std::vector<exchange*> alone{one};
            answer(alone, {});
        });
    }
}

void exchanger::go_on(exchange& one) const {
    guard(one, [&] {
        const trace_scope scope(trace_of(one));
        const auto step = std::move(one.answer.next);
        auto now = to_call(one);
        one.answer = step->run(now);
        shape(one);
    });
}

result<bool> exchanger::next_piece(exchange& one, std::string& piece) const {
    try {
        if (const auto allowed = check_again(one); !allowed) return allowed.error();
        const auto more = one.answer.rest(piece);
        if (more) {
            note_use(one);
            return *more;
        }
        one.facts.error = more.error().detail.empty() ? more.error().message : more.error().detail;
    } catch (const std::exception& caught) {
        note_exception(one.facts, caught);
    }
    return service_unavailable();
}

// A response may take days. A client that was disabled meanwhile, or whose token has expired, must not get the rest.
result<void> exchanger::check_again(exchange& one) const {
    if (!one.matched->needs_token()) return {};
    auto found = services_.tokens.authenticate(one.http.bearer_token().value_or(""), *one.matched->role);
    if (!found.verdict && is_failure_here(found.verdict.error().code)) one.facts.error = found.verdict.error().detail;
    return std::move(found.verdict);
}

result<void> exchanger::work_on_lines(exchange& one, std::string& piece) const {
    try {
        auto done = one.answer.lines->work(piece);
        if (done) note_use(one);
        return done;
    } catch (const std::bad_alloc&) {
        one.facts.error = "out of memory"; // short enough to need no memory
    } catch (const std::exception& caught) {
        note_exception(one.facts, caught);
    }
    return service_unavailable();
}

void exchanger::finish(exchange& one) const {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - one.http.received;
    services_.metrics.request_ended();
    log_request(log_, one, took.count(), routes_);
    if (one.matched == nullptr) return;
    const bool got_token = !one.matched->needs_token() && one.answer.status == 200;
    got_token&& one.facts.client_exists ? services_.uses.note(one.facts.client_id) : note_use(one);
    services_.metrics.request_answered({one.matched->method, one.matched->path, one.answer.status, took.count(),
                                        one.facts.client_exists ? one.facts.client_id : std::string()});
}

void exchanger::note_use(const exchange& one) const noexcept {
    if (one.facts.client_exists && one.facts.client_allowed.value_or(false)) services_.uses.note(one.facts.client_id);
}

void exchanger::end_events(const exchange& one) const {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - one.http.received;
    const auto& source = *one.answer.events;
    std::string_view reason = one.facts.cut;
    if (reason.empty()) reason = source.reason();
    if (reason == "stop") reason = "server_stopping";
    services_.metrics.stream_ended(reason);
    log_end_of_events(log_, one, reason, took.count());
}

} // namespace ctms::web
