// SPDX-License-Identifier: MPL-2.0
#include "contact_bulk_repository.hpp"

#include "history_sql.hpp"

#include <persistence/postgres/address_list.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>
#include <persistence/sync/note_change_sql.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <string_view>

namespace ctms::persistence {
namespace {

// Each form of an address once, with its positions in the list and the spellings there.
constexpr std::string_view wanted_addresses = R"(,
wanted as materialized (
  select address, min(place) as place, array_agg(place order by place) as places, array_agg(value order by place) as spellings
  from form group by address),
)";

// Does what contact_repository::remove() does, for many contacts.
constexpr std::string_view remove_them = R"(
q as ({}),
ch as ({}),
p as (delete from pending_acoustic t using e where t.email_id = e.email_id),
a as (delete from amo t using e where t.email_id = e.email_id),
f as (delete from fxa t using e where t.email_id = e.email_id),
m as (delete from mofo t using e where t.email_id = e.email_id),
n as (delete from newsletters t using e where t.email_id = e.email_id),
w as (delete from waitlists t using e where t.email_id = e.email_id),
d as (delete from emails t using e where t.email_id = e.email_id){}
select place, count(*) filter (where not held), 0, count(*) filter (where other and not held), count(*) filter (where held)
from found group by place)";

// Contacts under a legal hold stay. If one is held in the meantime, its deletion fails, and all of the statement with it. Locks in order of
// id, so that two concurrent transactions wait for each other instead of deadlocking.
constexpr std::string_view lock_addresses = R"(
found as materialized (
  select t.email_id, t.primary_email, wanted.place, t.primary_email <> wanted.spellings[1] as other,
    exists (select from ctms_holds h where h.email_id = t.email_id) as held
  from {} cross join wanted join emails t on lower(t.primary_email) = wanted.address order by t.email_id for update of t),
e as materialized (select email_id, primary_email from found where not held),
)";

constexpr std::string_view lock_ids = R"(
with wanted as materialized (select value::uuid as email_id, place from json_array_elements_text($1::json) with ordinality as r(value, place)),
found as materialized (
  select t.email_id, t.primary_email, wanted.place, false as other,
    exists (select from ctms_holds h where h.email_id = t.email_id) as held
  from {} cross join wanted join emails t using (email_id) order by t.email_id for update of t),
e as materialized (select email_id, primary_email from found where not held),
)";

constexpr std::string_view suppress_them = R"(
e as materialized (
  select t.email_id, t.primary_email, wanted.place, wanted.places, wanted.spellings, coalesce(t.has_opted_out_of_email, false) as already
  from {} cross join wanted join emails t on lower(t.primary_email) = wanted.address order by t.email_id for update of t),
u as (
  update emails t set has_opted_out_of_email = true, update_timestamp = {}
  from e where t.email_id = e.email_id and not e.already),
q as ({}),
ch as ({}){}
select u.p, count(*) filter (where u.p = place and not already), count(*) filter (where u.p <> place or already),
  count(*) filter (where primary_email <> u.spelling), 0
from e, unnest(places, spellings) as u(p, spelling) group by u.p)";

/// A record of a statement here: $2 is the client, and $3 the request.
constexpr recorded_sql recorded_by{.client = "$2", .request_id = "$3"};

/// Reads the writer in the CTE that locks the contacts, and so before it deletes one.
std::string remove_sql(std::string_view lock, bool keeps_history) {
    return fmt::format(fmt::runtime(lock), we_are_the_writer) +
           fmt::format(remove_them, request_deletion_sql("e"), note_change_sql(noted::deleted, "$2", "e"),
                       keeps_history ? ",\nh as (" + record_change_sql(noted::deleted, recorded_by, "e") + ")" : "");
}

std::string suppress_sql(bool keeps_history) {
    constexpr std::string_view changed = "e where not already";
    auto recorded = recorded_by;
    const auto changes = opted_out_sql();
    recorded.changes = changes;
    return fmt::format("{}{}", with_address_forms, wanted_addresses) +
           fmt::format(fmt::runtime(suppress_them), we_are_the_writer, later_time_sql("t"),
                       request_sync_sql(queue_priority::suppression, changed), note_change_sql(noted::updated, "$2", changed),
                       keeps_history ? ",\nh as (" + record_change_sql(noted::updated, recorded, changed) + ")" : "");
}

/// Makes the following statements look rows up by index. Tables that were filled a moment ago have no
/// statistics, and the planner might choose to read a whole table for each batch.
void prefer_indexes(connection& link) {
    link.execute("set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off");
}

result<std::vector<model::bulk_outcome>> act_on(database& db, const statement& what, const std::string& argument, std::size_t count,
                                                const bulk_options& how) {
    return run(db, [&](connection& link) {
        link.begin();
        prefer_indexes(link);
        if (how.longest_wait) link.execute(fmt::format("set local lock_timeout = {}", how.longest_wait->count()));
        std::vector<parameter> parameters{argument, std::string(how.by.client)};
        if (keeps_history(db)) parameters.emplace_back(std::string(how.by.request_id));
        auto out = outcomes_of(link.query(what, parameters, true), count);
        how.dry_run ? link.rollback() : link.commit();
        return out;
    });
}

} // namespace

result<std::vector<model::bulk_outcome>> contact_bulk_repository::remove(std::span<const std::string> primary_emails,
                                                                         const bulk_options& how) {
    const auto make = [](const char* name, bool keeps_history) {
        return statement{name, fmt::format("{}{}", with_address_forms, wanted_addresses) + remove_sql(lock_addresses, keeps_history)};
    };
    static const auto remove_many = make("remove_contacts", false);
    static const auto recorded = make("remove_contacts_recorded", true);
    return act_on(db_, keeps_history(db_) ? recorded : remove_many, json_names(primary_emails), primary_emails.size(), how);
}

result<std::vector<model::bulk_outcome>> contact_bulk_repository::remove(std::span<const uuid> email_ids, const bulk_options& how) {
    static const statement remove_many{"remove_contacts_by_id", remove_sql(lock_ids, false)};
    static const statement recorded{"remove_contacts_by_id_recorded", remove_sql(lock_ids, true)};
    return act_on(db_, keeps_history(db_) ? recorded : remove_many, json_ids(email_ids), email_ids.size(), how);
}

result<std::vector<model::bulk_outcome>> contact_bulk_repository::suppress(std::span<const std::string> primary_emails,
                                                                           const bulk_options& how) {
    static const statement suppress_many{"suppress_contacts", suppress_sql(false)};
    static const statement recorded{"suppress_contacts_recorded", suppress_sql(true)};
    return act_on(db_, keeps_history(db_) ? recorded : suppress_many, json_names(primary_emails), primary_emails.size(), how);
}

} // namespace ctms::persistence
