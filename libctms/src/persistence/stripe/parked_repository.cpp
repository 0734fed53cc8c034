// SPDX-License-Identifier: MPL-2.0
#include "parked_repository.hpp"

#include <base/base64.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <array>
#include <string>
#include <utility>

namespace ctms::persistence {
namespace {

using model::stripe::parked_object;

// Counting is cheap, because the table has a bound. Concurrent transactions may exceed it by what they add. A full table still takes
// what it has already: that needs no room. `since` is in microseconds.
const statement insert_parked{"stripe_park", R"(
with given as materialized (
  select distinct on (r.object, one.hash) r.object, r.reason, one.payload, one.hash,
    coalesce(timestamptz 'epoch' + r.since * interval '1 microsecond', clock_timestamp()) as parked_at
  from json_to_recordset($1::json) as r(object text, reason text, payload text, since bigint),
    lateral (select decode(r.payload, 'base64') as payload, sha256(decode(r.payload, 'base64')) as hash) as one
  order by r.object, one.hash, r.since),
fits as materialized (
  select (select count(*) from (select from ctms_stripe_parked limit $2::integer) as few) < $2::integer
    or not exists (select from given where not exists (
      select from ctms_stripe_parked known where known.object = given.object and known.payload_hash = given.hash)) as all_of_them)
insert into ctms_stripe_parked as stored (object, reason, payload, payload_hash, parked_at)
select object, reason, payload, hash, parked_at from given, fits where fits.all_of_them
on conflict (object, payload_hash) do update set deliveries = least(stored.deliveries, 1000000) + 1, reason = excluded.reason,
  parked_at = least(stored.parked_at, excluded.parked_at)
returning id)"};

const statement count_parked{"stripe_parked_count", "select count(*) from ctms_stripe_parked"};

const statement remove_parked{
    "stripe_parked_remove",
    "delete from ctms_stripe_parked where id = any (array(select json_array_elements_text($1::json)::bigint)) returning id"};

const statement expire_parked{"stripe_parked_expire", R"(
delete from ctms_stripe_parked where id = any (array(
  select id from ctms_stripe_parked where parked_at < clock_timestamp() - $1::bigint * interval '1 second' order by parked_at limit $2::integer))
returning id)"};

/// Selects whether a table has a row of an object that was written after a time in microseconds.
statement written_since(std::string_view kind, std::string_view table) {
    return {fmt::format("stripe_written_since_{}", kind),
            fmt::format("select exists (select from {} where stripe_id = $1 and update_timestamp > "
                        "timestamptz 'epoch' + $2::bigint * interval '1 microsecond')",
                        table)};
}

const statement* written_since(std::string_view kind) {
    static const std::array<std::pair<std::string_view, statement>, 5> all{
        {{"customer", written_since("customer", "stripe_customer")},
         {"invoice", written_since("invoice", "stripe_invoice")},
         {"price", written_since("price", "stripe_price")},
         {"subscription", written_since("subscription", "stripe_subscription")},
         {"subscription_item", written_since("subscription_item", "stripe_subscription_item")}}};
    for (const auto& [name, made] : all) {
        if (name == kind) return &made;
    }
    return nullptr;
}

std::int64_t microseconds_of(timestamp when) {
    return std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count();
}

parked_object read_parked(const rows& found, std::size_t row) {
    parked_object out;
    out.id = found.integer(row, 0);
    out.object = found.text(row, 1);
    out.reason = found.text(row, 2);
    out.deliveries = static_cast<int>(found.integer(row, 3));
    out.parked_at = read_time(found, row, 4);
    return out;
}

} // namespace

result<void> parked_repository::park(std::span<const parked_object> objects) {
    const auto list = json_rows(objects, [](object_writer& writer, const parked_object& one) {
        writer.add("object", std::string_view(one.object));
        writer.add("reason", std::string_view(one.reason));
        writer.add("payload", std::string_view(base64_encode(one.payload)));
        if (one.parked_at != timestamp{}) writer.add("since", microseconds_of(one.parked_at));
    });
    const auto done = run(db_, [&](connection& db) {
        return !db.query(insert_parked, {list, std::to_string(most)}, true).empty() || objects.empty();
    });
    if (!done) return done.error();
    return *done ? result<void>()
                 : result<void>(service_unavailable(
                       fmt::format("{} objects of Stripe are parked, which is the maximum: see ctms-admin stripe parked", most)));
}

result<std::vector<parked_object>> parked_repository::list(std::int64_t after, int limit) {
    static const statement oldest{"stripe_parked_list", fmt::format("select id, object, reason, deliveries, {} from ctms_stripe_parked"
                                                                    " where id > $1::bigint order by id limit $2::integer",
                                                                    microseconds_sql("parked_at"))};
    return run(db_, [&](connection& db) {
        const auto found = db.query(oldest, {std::to_string(after), std::to_string(limit)});
        std::vector<parked_object> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.push_back(read_parked(found, row));
        return out;
    });
}

result<std::optional<parked_object>> parked_repository::find(std::int64_t id) {
    static const statement one{"stripe_parked_find", fmt::format("select id, object, reason, deliveries, {}, encode(payload, 'base64')"
                                                                 " from ctms_stripe_parked where id = $1::bigint",
                                                                 microseconds_sql("parked_at"))};
    return run(db_, [&](connection& db) -> std::optional<parked_object> {
        const auto found = db.query(one, {std::to_string(id)});
        if (found.empty()) return std::nullopt;
        auto out = read_parked(found, 0);
        std::string encoded(found.text(0, 5));
        std::erase(encoded, '\n'); // PostgreSQL breaks lines
        out.payload = base64_decode(encoded).value_or("");
        return out;
    });
}

result<std::int64_t> parked_repository::count() {
    return run(db_, [](connection& db) { return db.query(count_parked, {}).integer(0, 0); });
}

result<bool> parked_repository::was_stored_since(std::string_view object, timestamp when) {
    const auto colon = object.find(':');
    const auto* asked = colon == std::string_view::npos ? nullptr : written_since(object.substr(0, colon));
    if (asked == nullptr) return false;
    return run(db_, [&](connection& db) {
        return db.query(*asked, {std::string(object.substr(colon + 1)), std::to_string(microseconds_of(when))}).boolean(0, 0);
    });
}

result<std::size_t> parked_repository::remove(std::span<const std::int64_t> ids) {
    std::vector<std::string> names;
    for (const auto id : ids) names.push_back(std::to_string(id));
    return run(db_, [&](connection& db) { return db.query(remove_parked, {json_names(names)}, true).size(); });
}

result<std::size_t> parked_repository::expire(std::chrono::seconds age, int limit) {
    return run(db_, [&](connection& db) {
        return db.query(expire_parked, {std::to_string(age.count()), std::to_string(limit)}, true).size();
    });
}

} // namespace ctms::persistence
