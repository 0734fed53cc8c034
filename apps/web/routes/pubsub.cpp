// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"
#include "stripe_facts.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/stripe_json.hpp>
#include <ctms/service/pubsub.hpp>
#include <web/server/answers.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

namespace ctms::web::routes {
namespace {

/// The response to a message that cannot be processed. It is not an error, because Pub/Sub would then send the same message again.
response accepted(std::string_view why) {
    std::string body;
    object_writer writer(body);
    writer.add("status", "Accepted but not processed");
    writer.add("message", why);
    writer.close();
    return json_response(202, std::move(body));
}

response stored(std::size_t count) { return json_response(200, fmt::format(R"({{"status":"OK","count":{}}})", count)); }

result<void> authenticate(call& now, service::pubsub& pubsub) {
    const auto token = now.http.bearer_token();
    if (!token) return not_authenticated();
    auto caller = pubsub.authenticate(now.query.find("pubsub_client").value_or(""), *token);
    now.facts.pubsub_claims = std::move(caller.claims);
    now.facts.pubsub_account = std::move(caller.service_account);
    if (caller.verdict || !is_failure_here(caller.verdict.error().code)) now.facts.client_allowed = caller.verdict.has_value();
    if (!caller.verdict && now.facts.client_allowed) now.facts.auth_fail = caller.verdict.error().detail;
    return caller.verdict;
}

void trace_customers(call& now, const json::pubsub_payload& payload) {
    std::vector<const model::stripe::object*> objects;
    for (const auto& item : payload.items) {
        if (item.value) objects.push_back(&*item.value);
    }
    now.facts.trace = traced_addresses(objects);
    if (!now.facts.trace.empty()) now.facts.trace_json = payload.text;
}

void note_report(call& now, const service::pubsub_report& report) {
    note_actions(now, report.done);
    now.facts.fxa_id_conflict = fmt::format("{}", fmt::join(report.fxa_id_conflicts, ","));
    now.facts.ingest_error = fmt::format("{}", fmt::join(report.problems, "; "));
    now.facts.ingest_empty = fmt::format("{}", fmt::join(report.empty_values, ","));
    now.facts.ingest_parked = report.problems.size();
}

response take_in(call& now, const services& all) {
    const auto payload = json::read_pubsub_message(now.http.body);
    if (!payload) {
        note_ingest_error(now, payload.error());
        if (const auto kept = all.pubsub.park_message(now.http.body, payload.error()); !kept) return failed(now, kept.error());
        now.facts.ingest_parked = 1;
        return accepted(payload.error().message);
    }
    trace_customers(now, *payload);
    const auto report = all.pubsub.take_in(*payload);
    if (!report) {
        auto out = failed(now, report.error());
        if (now.facts.error.empty()) note_ingest_error(now, report.error());
        return out;
    }
    note_report(now, *report);
    return report->problems.empty() ? stored(report->count) : accepted("Errors processing the data, do not send again.");
}

} // namespace

response post_stripe_from_pubsub(call& now, const services& all) {
    if (const auto allowed = authenticate(now, all.pubsub); !allowed) return failed(now, allowed.error());
    response writing;
    writing.next = std::make_shared<const next_step>(next_step{lane::write, {}, [&all](call& later) { return take_in(later, all); }});
    return writing;
}

} // namespace ctms::web::routes
