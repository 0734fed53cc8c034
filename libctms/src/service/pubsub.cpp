// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/pubsub.hpp>

#include <auth/secrets.hpp>

#include <fmt/core.h>

namespace ctms::service {
namespace {

error refused(std::string why) { return unauthorized("Could not validate credentials", std::move(why)); }

error not_configured() { return service_unavailable("CTMS_PUBSUB_EMAIL or CTMS_PUBSUB_CLIENT is not set"); }

void add(pubsub_report& to, model::stripe::ingest_report&& more) {
    for (auto& [action, objects] : more.actions) to.done.actions[action].merge(objects);
    if (more.fxa_id_conflict) to.fxa_id_conflicts.insert(*more.fxa_id_conflict);
}

void add_problem(pubsub_report& to, std::string_view name, const error& problem) {
    to.problems.push_back(fmt::format("{}: {}", name, problem.detail.empty() ? problem.message : problem.detail));
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

result<pubsub_report> pubsub::take_in(const json::pubsub_payload& payload) {
    using kind = json::pubsub_item::kind;
    pubsub_report out;
    for (const auto& item : payload.items) {
        if (item.what == kind::empty) {
            out.empty_values.push_back(item.name);
        } else if (item.what == kind::unknown_kind) {
            out.done.actions["skipped"].insert(item.name);
        } else if (!item.value) {
            add_problem(out, item.name, item.value.error());
        } else if (auto done = ingest_.ingest(*item.value)) {
            ++out.count;
            add(out, std::move(*done));
        } else if (done.error().code == errc::invalid) {
            add_problem(out, item.name, done.error());
        } else {
            return done.error();
        }
    }
    return out;
}

} // namespace ctms::service
