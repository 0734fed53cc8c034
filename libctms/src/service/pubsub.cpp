// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/pubsub.hpp>

#include "stripe_intake.hpp"

#include <auth/secrets.hpp>

#include <fmt/core.h>

namespace ctms::service {
namespace {

error refused(std::string why) { return unauthorized("Could not validate credentials", std::move(why)); }

error not_configured() { return service_unavailable("CTMS_PUBSUB_EMAIL or CTMS_PUBSUB_CLIENT is not set"); }

void add(pubsub_report& to, model::stripe::ingest_report&& more) {
    for (auto& [action, objects] : more.actions) to.done.actions[action].merge(objects);
    if (more.fxa_id_conflict) to.fxa_id_conflicts.insert(*more.fxa_id_conflict);
    to.done.unknown_values.merge(more.unknown_values);
}

void refuse(intake& to, const json::pubsub_item& item, const error& problem) {
    const auto& reason = problem.detail.empty() ? problem.message : problem.detail;
    to.report.problems.push_back(fmt::format("{}: {}", item.name, reason));
    model::stripe::parked_object parked;
    parked.object = item.name;
    parked.reason = reason;
    parked.payload = item.text;
    to.refused.push_back(std::move(parked));
}

} // namespace

pubsub_caller pubsub::authenticate(std::string_view client, std::string_view token) {
    pubsub_caller out;
    if (!options_.client || !options_.email) return out.verdict = not_configured(), out;
    if (!auth::equal_secrets(client, *options_.client)) return out.verdict = refused("Verification mismatch"), out;
    auto claims = verifier_.verify(token);
    if (!claims) {
        auto failure = claims.error();
        out.verdict = failure.code == errc::unauthorized ? refused(std::move(failure.detail)) : std::move(failure);
        return out;
    }
    out.claims = std::move(claims->all);
    if (claims->email != *options_.email) return out.verdict = refused("Wrong email"), out;
    out.service_account = *options_.email;
    if (!claims->email_verified) out.verdict = refused("Email not verified");
    return out;
}

result<intake> take_in(stripe_ingest& ingest, const json::pubsub_payload& payload) {
    using kind = json::pubsub_item::kind;
    intake out;
    for (const auto& item : payload.items) {
        if (item.what == kind::empty) {
            out.report.empty_values.push_back(item.name);
        } else if (item.what == kind::unknown_kind) {
            out.report.done.actions["skipped"].insert(item.name);
        } else if (!item.value) {
            refuse(out, item, item.value.error());
        } else if (auto done = ingest.ingest(*item.value)) {
            ++out.report.count;
            add(out.report, std::move(*done));
        } else if (done.error().code == errc::invalid) {
            refuse(out, item, done.error());
        } else {
            return done.error();
        }
    }
    return out;
}

result<pubsub_report> pubsub::take_in(const json::pubsub_payload& payload) {
    auto done = service::take_in(ingest_, payload);
    if (!done) return done.error();
    if (const auto kept = park(std::move(done->refused)); !kept) return kept.error();
    return std::move(done->report);
}

result<void> pubsub::park_message(std::string_view body, const error& problem) {
    model::stripe::parked_object parked;
    parked.object = "message";
    parked.reason = problem.message;
    parked.payload = body;
    return park({std::move(parked)});
}

result<void> pubsub::park(std::vector<model::stripe::parked_object> objects) {
    if (objects.empty()) return {};
    const auto count = objects.size();
    if (const auto kept = parking_.park(std::move(objects)); !kept) return kept.error();
    recorder_.stripe_parked(count);
    return {};
}

} // namespace ctms::service
