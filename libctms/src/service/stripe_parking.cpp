// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/stripe_parking.hpp>

#include "stripe_intake.hpp"

#include <base/storable.hpp>
#include <persistence/stripe/parked_repository.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace ctms::service {
namespace {

using model::stripe::parked_object;
using persistence::parked_repository;

constexpr std::size_t longest_name = 300; // bytes; a name is part of an index

error not_parked() { return not_found("No object of Stripe is parked under this number"); }

std::string reason_of(const error& failure) { return failure.detail.empty() ? failure.message : failure.detail; }

/// Whether the object itself is at fault, so that trying again later would not help.
bool is_refused(const error& failure) { return failure.code == errc::invalid || failure.code == errc::malformed; }

result<intake> take_in_message(stripe_ingest& ingest, std::string_view body) {
    const auto payload = json::read_pubsub_message(body);
    if (!payload) return payload.error();
    return take_in(ingest, *payload);
}

/// The names of the objects that would be stored.
std::vector<std::string> names_in(const parked_object& one) {
    if (one.object != "message") return {one.object};
    std::vector<std::string> out;
    const auto payload = json::read_pubsub_message(one.payload);
    if (!payload) return out;
    for (const auto& item : payload->items) out.push_back(item.name);
    return out;
}

} // namespace

result<void> stripe_parking::park(std::vector<parked_object> objects) {
    for (auto& one : objects) {
        one.object = to_storable(one.object.substr(0, longest_name));
        one.reason = to_storable(one.reason);
    }
    return parked_repository(db_).park(objects);
}

result<std::vector<parked_object>> stripe_parking::list(std::int64_t after, int limit) {
    return parked_repository(db_).list(after, std::clamp(limit, 0, most_at_once));
}

result<parked_object> stripe_parking::get(std::int64_t id) {
    auto found = parked_repository(db_).find(id);
    if (!found) return found.error();
    if (!*found) return not_parked();
    return std::move(**found);
}

result<parked_retry> stripe_parking::retry(std::int64_t id, bool even_if_older) {
    parked_repository parked(db_);
    const auto one = get(id);
    if (!one) return one.error();
    parked_retry out{id, one->object, false, {}};
    if (!even_if_older) {
        for (const auto& name : names_in(*one)) {
            const auto newer = parked.was_stored_since(name, one->parked_at);
            if (!newer) return newer.error();
            if (*newer) return out.reason = "another state of " + name + " was stored after it was parked", out;
        }
    }
    stripe_ingest ingest(db_);
    if (one->object == "message") {
        auto done = take_in_message(ingest, one->payload);
        if (!done && !is_refused(done.error())) return done.error();
        if (!done) return out.reason = reason_of(done.error()), out;
        for (auto& refused : done->refused) refused.parked_at = one->parked_at; // personal data expires by the first time
        if (const auto kept = park(std::move(done->refused)); !kept) return kept.error();
    } else {
        const auto object = json::read_stripe_object(one->payload);
        const auto done = object ? ingest.ingest(*object) : result<model::stripe::ingest_report>(object.error());
        if (!done && !is_refused(done.error())) return done.error();
        if (!done) return out.reason = reason_of(done.error()), out;
    }
    const auto removed = parked.remove(std::array{id});
    if (!removed) return removed.error();
    out.stored = true;
    return out;
}

result<std::size_t> stripe_parking::forget(std::span<const std::int64_t> ids) { return parked_repository(db_).remove(ids); }

result<std::size_t> stripe_parking::expire(std::chrono::seconds age) { return parked_repository(db_).expire(age, most_at_once); }

} // namespace ctms::service
