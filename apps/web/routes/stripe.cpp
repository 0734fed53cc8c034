// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"
#include "stripe_facts.hpp"

#include <ctms/json/stripe_json.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <web/server/answers.hpp>

#include <array>

namespace ctms::web::routes {
namespace {

/// Refuses an invalid Stripe object with 400 instead of 422; only the log says what is wrong with it.
response refused(call& now, const error& failure) {
    note_ingest_error(now, failure);
    return detail_response(400, failure.message);
}

void trace_customer(call& now, const model::stripe::object& object) {
    now.facts.trace = traced_addresses(std::array{&object});
    if (now.facts.trace.empty()) return;
    // Parses the body again, because the log needs JSON on one line. This is rare, since few customers are traced.
    if (const auto body = json::body::parse(now.http.body)) now.facts.trace_json = body->to_json();
}

} // namespace

response post_stripe(call& now, const services& all) {
    const auto object = json::read_stripe_object(now.http.body);
    if (!object) return refused(now, object.error());
    trace_customer(now, *object);
    const auto report = all.stripe_ingest.ingest(*object);
    if (!report) {
        auto out = failed(now, report.error());
        if (now.facts.error.empty()) note_ingest_error(now, report.error());
        return out;
    }
    note_actions(now, *report);
    now.facts.fxa_id_conflict = report->fxa_id_conflict.value_or("");
    return json_response(200, R"({"status":"OK"})");
}

} // namespace ctms::web::routes
