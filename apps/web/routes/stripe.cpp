// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/stripe_json.hpp>
#include <ctms/privacy/redact.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <web/server/answers.hpp>

#include <variant>

namespace ctms::web::routes {
namespace {

void note_error(call& now, const error& failure) { now.facts.ingest_error = failure.detail.empty() ? failure.message : failure.detail; }

/// Stripe objects are refused with 400, not 422, for whatever is wrong with them; only the log says what it is.
response refused(call& now, const error& failure) {
    note_error(now, failure);
    return detail_response(400, failure.message);
}

void trace_customer(call& now, const model::stripe::object& object) {
    const auto* customer = std::get_if<model::stripe::customer>(&object);
    if (customer == nullptr || !customer->email || !privacy::is_traced(*customer->email)) return;
    now.facts.trace = *customer->email;
    // Parsed again, for the log takes only JSON on one line; traced customers are few.
    if (const auto body = json::body::parse(now.http.body)) now.facts.trace_json = body->to_json();
}

/// Action to the sorted list of "object:id", as the log has it.
std::string actions_json(const model::stripe::ingest_report& report) {
    std::string out;
    object_writer writer(out);
    for (const auto& [action, objects] : report.actions) append_json_array(writer.key(action), objects, append_json_string);
    writer.close();
    return out;
}

} // namespace

response post_stripe(call& now, const services& all) {
    const auto object = json::read_stripe_object(now.http.body);
    if (!object) return refused(now, object.error());
    trace_customer(now, *object);
    const auto report = all.stripe_ingest.ingest(*object);
    if (!report) {
        auto out = failed(now, report.error());
        if (now.facts.error.empty()) note_error(now, report.error());
        return out;
    }
    now.facts.ingest_actions = actions_json(*report);
    now.facts.fxa_id_conflict = report->fxa_id_conflict.value_or("");
    return json_response(200, R"({"status":"OK"})");
}

} // namespace ctms::web::routes
