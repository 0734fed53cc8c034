// SPDX-License-Identifier: MPL-2.0
// Bulk resyncs, in steps of one statement each. See sync_queue_repository.cpp for how the statements of the queue lock rows.
#include "queue_priority.hpp"
#include "sync_queue_repository.hpp"
#include "sync_queue_rows.hpp"

#include <persistence/postgres/address_list.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

#include <stdexcept>

namespace ctms::persistence {
namespace {

// Walks over all contacts whatever is selected, so that a step takes as long for a newsletter with few subscribers as for one
// that everybody has. $1 limit, $2 name, $3 where to begin.
constexpr std::string_view walk = R"(
with walked as materialized (select email_id from emails {} order by email_id limit $1::bigint),
wanted as materialized (select email_id from walked where {}))";

constexpr const char* any_contact = "$2::text is null";
constexpr const char* with_newsletter = "exists (select from newsletters n where n.email_id = walked.email_id and n.name = $2::text)";
constexpr const char* with_waitlist = "exists (select from waitlists w where w.email_id = walked.email_id and w.name = $2::text)";

// Queues the contacts in the CTE `wanted`. Contacts that are already waiting are not touched, not even locked. Contacts that are being sent
// are sent again, because their rows may have been made with an older configuration.
const std::string queue_wanted = fmt::format(R"(,
queued as (
  insert into ctms_sync_queue (email_id, priority) select email_id, {0} from wanted order by email_id
  on conflict (email_id) do nothing returning email_id),
held as (
  select q.email_id, q.state from ctms_sync_queue q join wanted using (email_id)
  where q.state = 'parked' or q.claimed_until > now() order by q.email_id for update of q),
again as (
  update ctms_sync_queue q set version = q.version + 1, last_requested_at = now()
  from held where q.email_id = held.email_id and held.state = 'pending' returning q.email_id),
woken as (
  update ctms_sync_queue q set state = 'pending', retry = 0, priority = {0}, next_attempt_at = now(), version = q.version + 1,
    last_error = null, last_requested_at = now()
  from held where q.email_id = held.email_id and held.state = 'parked' returning q.email_id))",
                                             static_cast<int>(queue_priority::bulk));

// Forgets the hashes of what was sent of these contacts, so that all of it is sent again whatever it was. Locks the rows of the queue
// first, as the sync does.
constexpr std::string_view whatever_was_sent = R"(,
known as (
  select s.email_id from ctms_vendor_state s
  where s.email_id = any (array(
    select email_id from queued union all select email_id from again union all select email_id from woken union all select email_id from wanted))
    and (s.main_hash <> '' or s.newsletter_hash <> '' or s.product_hash <> '')
  order by s.email_id for update of s),
unknown as (
  update ctms_vendor_state s set main_hash = '', newsletter_hash = '', product_hash = '' from known where s.email_id = known.email_id))";

constexpr std::string_view count_queued = "(select count(*) from queued) + (select count(*) from woken)";

constexpr std::string_view report_walk = R"(
select (select email_id::text from walked order by email_id desc limit 1), (select count(*) from walked),
  (select count(*) from wanted), {})";

// The rows that a switched-off sync removed; those whose contacts are gone are only forgotten.
constexpr std::string_view take_skipped = R"(
with walked as materialized (
  delete from ctms_sync_skipped where email_id = any (array(
    select email_id from ctms_sync_skipped order by email_id limit $1::bigint for update skip locked)) returning email_id),
wanted as materialized (select email_id from walked where exists (select from emails e where e.email_id = walked.email_id)))";

constexpr std::string_view find_addresses = R"(,
found as materialized (
  select form.place, e.email_id, e.primary_email <> form.value as other
  from form join emails e on lower(e.primary_email) = form.address),
wanted as materialized (select distinct email_id from found))";

// Parked contacts would be queued, too.
constexpr std::string_view look_them_up = R"(,
fresh as (
  select email_id from wanted
  where not exists (select from ctms_sync_queue q where q.email_id = wanted.email_id and q.state = 'pending')))";

constexpr std::string_view report_addresses = R"(
select place, count(fresh.email_id), count(*) - count(fresh.email_id), count(*) filter (where other), 0
from found left join fresh using (email_id) group by place)";

const statement count_all{"resync_count_all", "select count(*) from emails where $1::text is null"};
const statement count_newsletter{"resync_count_newsletter", "select count(distinct email_id) from newsletters where name = $1::text"};
const statement count_waitlist{"resync_count_waitlist", "select count(distinct email_id) from waitlists where name = $1::text"};

const statement newsletter_names{"resync_newsletter_names",
                                 "select name from (select name from newsletters union"
                                 " select source from acoustic_newsletter_mapping) known order by name limit 10000"};
const statement waitlist_names{"resync_waitlist_names", "select distinct name from waitlists order by name limit 10000"};

std::string walk_sql(const char* condition, bool from_the_start) {
    return fmt::format(walk, from_the_start ? "" : "where email_id > $3::uuid", condition) + queue_wanted + std::string(whatever_was_sent) +
           fmt::format(report_walk, count_queued);
}

const statement& walk_statement(model::resync_selection::kind what, bool from_the_start) {
    using enum model::resync_selection::kind;
    static const statement all_first{"resync_all_first", walk_sql(any_contact, true)};
    static const statement all_next{"resync_all_next", walk_sql(any_contact, false)};
    static const statement newsletter_first{"resync_newsletter_first", walk_sql(with_newsletter, true)};
    static const statement newsletter_next{"resync_newsletter_next", walk_sql(with_newsletter, false)};
    static const statement waitlist_first{"resync_waitlist_first", walk_sql(with_waitlist, true)};
    static const statement waitlist_next{"resync_waitlist_next", walk_sql(with_waitlist, false)};
    switch (what) {
    case all: return from_the_start ? all_first : all_next;
    case newsletter: return from_the_start ? newsletter_first : newsletter_next;
    case waitlist: return from_the_start ? waitlist_first : waitlist_next;
    }
    throw std::logic_error("not a kind of selection");
}

const statement& address_statement(bool queue) {
    static const auto find = fmt::format("{}{}", with_address_forms, find_addresses);
    static const statement queues{"resync_addresses",
                                  fmt::format("{}{}{},\nfresh as (select email_id from queued union all select email_id from woken){}",
                                              find, queue_wanted, whatever_was_sent, report_addresses)};
    static const statement looks{"resync_look_up", fmt::format("{}{}{}", find, look_them_up, report_addresses)};
    return queue ? queues : looks;
}

const statement& count_statement(model::resync_selection::kind what) {
    using enum model::resync_selection::kind;
    if (what == all) return count_all;
    return what == newsletter ? count_newsletter : count_waitlist;
}

const statement& skipped_statement() {
    static const statement made{"resync_skipped",
                                fmt::format("{}{}{}", take_skipped, queue_wanted, fmt::format(report_walk, count_queued))};
    return made;
}

resync_step read_step(const rows& found) {
    resync_step out;
    if (!found.is_null(0, 0)) out.last = read_id(found, 0, 0);
    out.looked_at = static_cast<std::size_t>(found.integer(0, 1));
    out.chosen = static_cast<std::size_t>(found.integer(0, 2));
    out.queued = static_cast<std::size_t>(found.integer(0, 3));
    return out;
}

parameter name_of(const model::resync_selection& which) {
    return which.what == model::resync_selection::kind::all ? parameter() : parameter(which.name);
}

result<std::vector<model::bulk_outcome>> run_addresses(database& on, std::span<const std::string> addresses, bool queue) {
    const auto list = json_names(addresses);
    return run(on, [&](connection& db) { return outcomes_of(db.query(address_statement(queue), {list}, queue), addresses.size()); });
}

} // namespace

result<resync_step> sync_queue_repository::request_resync(const model::resync_selection& which, const std::optional<uuid>& after,
                                                          int limit) {
    std::vector<parameter> parameters{bounded(limit), name_of(which)};
    if (after) parameters.emplace_back(after->to_string());
    return run(db_, [&](connection& db) { return read_step(db.query(walk_statement(which.what, !after), parameters, true)); });
}

result<resync_step> sync_queue_repository::request_skipped(int limit) {
    return run(db_, [&](connection& db) { return read_step(db.query(skipped_statement(), {bounded(limit)}, true)); });
}

result<std::size_t> sync_queue_repository::count_skipped() {
    static const statement count{"sync_count_skipped", "select count(*) from ctms_sync_skipped"};
    return run(db_, [](connection& db) { return static_cast<std::size_t>(db.query(count, {}).integer(0, 0)); });
}

result<std::vector<model::bulk_outcome>> sync_queue_repository::request_resync(std::span<const std::string> addresses) {
    return run_addresses(db_, addresses, true);
}

result<std::vector<model::bulk_outcome>> sync_queue_repository::look_up(std::span<const std::string> addresses) {
    return run_addresses(db_, addresses, false);
}

result<std::size_t> sync_queue_repository::count_selected(const model::resync_selection& which) {
    return run(db_, [&](connection& db) {
        return static_cast<std::size_t>(db.query(count_statement(which.what), {name_of(which)}).integer(0, 0));
    });
}

result<std::vector<std::string>> sync_queue_repository::known_names(model::resync_selection::kind what) {
    const auto& names = what == model::resync_selection::kind::newsletter ? newsletter_names : waitlist_names;
    return run(db_, [&](connection& db) {
        const auto found = db.query(names, {});
        std::vector<std::string> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.emplace_back(found.text(row, 0));
        return out;
    });
}

} // namespace ctms::persistence
