// SPDX-License-Identifier: MPL-2.0
#include "vendor_slots.hpp"

#include "sync_queue_repository.hpp"

#include <persistence/postgres/pool.hpp>

#include <algorithm>
#include <limits>

namespace ctms::persistence {
namespace {

// Takes the worker's own slots first. A slot that another worker took since the statement began is checked again when it is
// locked, and skipped. The second column says how many slots exist.
const statement take_slots{"vendor_slots_take", R"(
with chosen as (
  select slot from ctms_vendor_slots
  where slot between 1 and $2::integer and (holder = $1::uuid or holder is null or expires_at < now())
  order by (holder = $1::uuid) is not true, slot
  limit $3::bigint for update skip locked),
taken as (
  update ctms_vendor_slots s set holder = $1::uuid, expires_at = now() + $4::bigint * interval '1 second'
  from chosen where s.slot = chosen.slot returning s.slot),
waits_no_more as (
  update ctms_vendor_slots set holder = null, expires_at = '-infinity'
  where slot = 0 and holder = $1::uuid and exists (select from taken))
select (select count(*) from taken), (select count(*) from ctms_vendor_slots where slot between 1 and $2::integer))"};

const statement make_slots{"vendor_slots_make", "insert into ctms_vendor_slots (slot) select generate_series(1, $1::integer)"
                                                " on conflict (slot) do nothing"};

// Slot 0 is no call: it says who waits for one.
const statement wait_for_slot{"vendor_slots_wait", R"(
insert into ctms_vendor_slots (slot, holder, expires_at) values (0, $1::uuid, now() + interval '2 seconds')
on conflict (slot) do update set holder = excluded.holder, expires_at = excluded.expires_at)"};

const statement waits_for_slot{"vendor_slots_awaited", "select from ctms_vendor_slots where slot = 0 and holder <> $1::uuid"
                                                       " and expires_at > now() and expires_at <= now() + interval '2 seconds'"};

const statement free_slots{"vendor_slots_free", R"(
update ctms_vendor_slots set holder = null, expires_at = '-infinity' where slot = any (array(
  select slot from ctms_vendor_slots where holder = $1::uuid and slot > 0 order by slot offset $2::bigint)))"};

const statement bring_slots_back{"vendor_slots_bring_back", R"(
update ctms_vendor_slots set expires_at = now() + $1::bigint * interval '1 second'
where expires_at > now() + $1::bigint * interval '1 second')"};

} // namespace

result<void> vendor_slots::bring_times_back() {
    return run(db_, [&](connection& db) { db.query(bring_slots_back, {std::to_string(longest_ahead.count())}, true); });
}

result<int> vendor_slots::take(const uuid& worker, int wanted, std::chrono::seconds lease) {
    const int cap = std::clamp<int>(cap_, 0, std::numeric_limits<std::int16_t>::max());
    const std::vector<parameter> parameters{worker.to_string(), std::to_string(cap), std::to_string(std::clamp(wanted, 0, cap)),
                                            std::to_string(lease.count())};
    return run(db_, [&](connection& db) {
        auto found = db.query(take_slots, parameters, true);
        if (found.integer(0, 1) < cap) { // the first time, or the cap was raised
            db.query(make_slots, {std::to_string(cap)}, true);
            found = db.query(take_slots, parameters, true);
        }
        return static_cast<int>(found.integer(0, 0));
    });
}

result<void> vendor_slots::wait_for(const uuid& worker) {
    return run(db_, [&](connection& db) { db.query(wait_for_slot, {worker.to_string()}, true); });
}

result<bool> vendor_slots::is_awaited(const uuid& worker) {
    return run(db_, [&](connection& db) { return !db.query(waits_for_slot, {worker.to_string()}).empty(); });
}

result<void> vendor_slots::give_back(const uuid& worker, int keep) {
    return run(db_, [&](connection& db) { db.query(free_slots, {worker.to_string(), std::to_string(keep)}, true); });
}

} // namespace ctms::persistence
