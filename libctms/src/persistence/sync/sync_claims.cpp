// SPDX-License-Identifier: MPL-2.0
// Which rows of the queue a worker sends, and its claims on them. See sync_queue_repository.cpp for how the statements of the queue find
// and lock rows.
#include "sync_queue_repository.hpp"
#include "sync_queue_rows.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

// Goes from one priority to the next, so that rows that are not due yet are not read.
constexpr std::string_view priorities = R"(
with recursive levels (priority) as (
  (select priority from ctms_sync_queue where state = 'pending' order by priority limit 1)
  union all
  select (select q.priority from ctms_sync_queue q where q.state = 'pending' and q.priority > levels.priority order by q.priority limit 1)
  from levels where levels.priority is not null))";

// A level is read only if those before it did not give enough rows. A row that changed since the statement began (its xmin
// differs) is left for the next claim, because the vendor state is read as it was before that change.
constexpr std::string_view due_rows = R"(,
due as (
  select one.* from levels cross join lateral (
    select q.email_id, q.xmin as seen, greatest(q.next_attempt_at, q.claimed_until) as due_at
    from ctms_sync_queue q
    where q.state = 'pending' and q.priority = levels.priority and greatest(q.next_attempt_at, q.claimed_until) <= now(){}{}
    order by greatest(q.next_attempt_at, q.claimed_until), q.first_requested_at
    limit $1::bigint {}) as one
  {}
  limit $1::bigint))";

// An attempt in the future happened before the clock was set back.
constexpr std::string_view untried_rows = R"(
      and ($5::bigint is null
        or (q.last_attempt_at between now() - $5::bigint * interval '1 millisecond' and now()) is not true))";

constexpr std::string_view look_at_due_rows = R"(,
chosen as (
  select q.*, due.due_at from due join ctms_sync_queue q using (email_id)
  where q.email_id = any (array(select email_id from due))))";

// At most $1 rows. $2: the seconds that a time may lie ahead.
constexpr std::string_view bring_rows_back = R"(,
far as (
  select one.email_id from levels cross join lateral (
    select q.email_id from ctms_sync_queue q
    where q.state = 'pending' and q.priority = levels.priority
      and greatest(q.next_attempt_at, q.claimed_until) > now() + $2::bigint * interval '1 second'
    order by greatest(q.next_attempt_at, q.claimed_until)
    limit $1::bigint for update of q skip locked) as one
  limit $1::bigint)
update ctms_sync_queue q set next_attempt_at = least(q.next_attempt_at, now()),
  claimed_until = case when q.claimed_until is not null then least(q.claimed_until, now() + $2::bigint * interval '1 second') end
where q.email_id = any (array(select email_id from far)))";

// The order is that of the index, so that the planner uses the index instead of searching all rows.
constexpr std::string_view any_due_row = R"(
(select from ctms_inbox where what in ('upsert', 'delete') limit 1)
union all
(select from levels cross join lateral (
  select from ctms_sync_queue q
  where q.state = 'pending' and q.priority = levels.priority and greatest(q.next_attempt_at, q.claimed_until) <= now(){}
  order by greatest(q.next_attempt_at, q.claimed_until)
  limit 1) as one
where levels.priority < $1::integer
limit 1))";

const statement renew_claims{"sync_queue_renew", R"(
with held as (select email_id from ctms_sync_queue where claimed_by = $1::uuid order by email_id for update)
update ctms_sync_queue q set claimed_until = now() + $2::bigint * interval '1 second'
from held where q.email_id = held.email_id)"};

const statement release_claims{"sync_queue_release", R"(
with held as (
  select email_id from ctms_sync_queue
  where claimed_by = $1::uuid and ($2::json is null or email_id = any (array(select json_array_elements_text($2::json)::uuid)))
  order by email_id for update)
update ctms_sync_queue q set claimed_by = null, claimed_until = null
from held where q.email_id = held.email_id)"};

std::string chosen_rows_sql(std::string_view filter, std::string_view lock, std::string_view which, std::string_view choose) {
    return std::string(priorities) + fmt::format(due_rows, not_of_a_job, filter, lock, which) + std::string(choose) + read_chosen_sql();
}

const statement& any_due_statement() {
    static const statement made{"sync_queue_any_due", std::string(priorities) + fmt::format(any_due_row, not_of_a_job)};
    return made;
}

const statement& bring_back_statement() {
    static const statement made{"sync_queue_bring_back", std::string(priorities) + std::string(bring_rows_back)};
    return made;
}

const statement& claim_statement() {
    static const statement made{"sync_queue_claim", chosen_rows_sql(untried_rows, "for update of q skip locked",
                                                                    "where levels.priority < $4::integer", claim_due_rows)};
    return made;
}

const statement& peek_statement() {
    static const statement made{"sync_queue_peek", chosen_rows_sql("", "", "", look_at_due_rows)};
    return made;
}

} // namespace

result<std::vector<queued_contact>> sync_queue_repository::claim(const uuid& worker, int limit, std::chrono::seconds lease, int below,
                                                                 const std::optional<std::chrono::milliseconds>& untried_for) {
    const std::vector<parameter> parameters{bounded(limit), worker.to_string(), std::to_string(lease.count()), std::to_string(below),
                                            untried_for ? parameter(std::to_string(untried_for->count())) : parameter()};
    return run(db_, [&](connection& db) { return read_queued(db.query(claim_statement(), parameters, true)); });
}

result<std::vector<queued_contact>> sync_queue_repository::peek(int limit) {
    return run(db_, [&](connection& db) { return read_queued(db.query(peek_statement(), {bounded(limit)})); });
}

result<bool> sync_queue_repository::any_due(int below) {
    return run(db_, [&](connection& db) { return !db.query(any_due_statement(), {std::to_string(below)}).empty(); });
}

result<void> sync_queue_repository::bring_times_back() {
    constexpr int most_batches = 10;
    constexpr int size = 1'000; // writes of these contacts wait until the statement ends
    const std::vector<parameter> parameters{std::to_string(size), std::to_string(longest_ahead.count())};
    for (int batch = 0; batch < most_batches; ++batch) {
        const auto moved = run(db_, [&](connection& db) { return db.query(bring_back_statement(), parameters, true).affected(); });
        if (!moved) return moved.error();
        if (*moved < static_cast<std::size_t>(size)) break;
    }
    return {};
}

result<std::size_t> sync_queue_repository::renew(const uuid& worker, std::chrono::seconds lease) {
    return run(db_, [&](connection& db) {
        return db.query(renew_claims, {worker.to_string(), std::to_string(lease.count())}, true).affected();
    });
}

result<void> sync_queue_repository::release(const uuid& worker, const std::optional<std::span<const uuid>>& email_ids) {
    const std::vector<parameter> parameters{worker.to_string(), email_ids ? parameter(json_ids(*email_ids)) : parameter()};
    return run(db_, [&](connection& db) { db.query(release_claims, parameters, true); });
}

} // namespace ctms::persistence
