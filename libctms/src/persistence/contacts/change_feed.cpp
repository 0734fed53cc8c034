// SPDX-License-Identifier: MPL-2.0
#include "change_feed.hpp"

#include <persistence/postgres/feed_epoch.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

namespace ctms::persistence {

bool is_before(const model::change_cursor& a, const model::change_cursor& b) {
    return std::tie(a.xid, a.email_id) < std::tie(b.xid, b.email_id);
}

namespace {

/// The last position of a transaction.
constexpr std::string_view last_id = "ffffffff-ffff-ffff-ffff-ffffffffffff";

// A database that was restored into another cluster has transaction ids of the old one: its deletions are forgotten, because nobody has a
// cursor before them.
constexpr std::string_view adopt_cluster = R"(
cluster as materialized (
  select c.system_identifier as now, s.system_identifier <> c.system_identifier as is_new from pg_control_system() c, ctms_changes_state s),
orphans as (delete from ctms_changes where deleted and (select is_new from cluster)))";

// Begins to read. The write makes the server flush the log, so that the ids of later transactions are greater even after a crash.
constexpr std::string_view begin_sql = R"(
with {}
update ctms_changes_state s set begun_at = clock_timestamp(), system_identifier = cluster.now,
  forgotten_xid = case when cluster.is_new then '0' else s.forgotten_xid end
from cluster returning pg_current_xact_id()::text)";

// $1, $2: the position in the feed. A forgotten deletion whose id is in the future is of another cluster, and says nothing about this one.
// The last columns are those of the page; one row has nulls there if the page is empty.
constexpr std::string_view head_sql = R"(
select {}, $1::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) or
  (($1::text::xid8, $2::uuid) < (s.forgotten_xid, s.forgotten_id) and s.forgotten_xid < pg_snapshot_xmax(pg_current_snapshot())),
  pg_snapshot_xmin(pg_current_snapshot())::text, p.email_id::text, {}, p.xid::text, p.client, p.present, (p.created_xid, p.email_id) > ($1::text::xid8, $2::uuid)
from ctms_changes_state s left join ({}) p on true order by {})";

// $3: the limit. The contact may have been deleted or created again since its row was written: what is there now decides.
constexpr std::string_view feed_sql = R"(
  select c.email_id, c.xid, c.created_xid, c.changed_at, c.client, exists (select from emails e where e.email_id = c.email_id) as present
  from ctms_changes c where (c.xid, c.email_id) > ($1::text::xid8, $2::uuid) and c.xid < pg_snapshot_xmin(pg_current_snapshot())
  order by c.xid, c.email_id limit $3::integer)";

// $4: the last contact.
constexpr std::string_view list_sql = R"(
  select e.email_id, null::xid8 as xid, null::xid8 as created_xid, e.update_timestamp as changed_at, null as client, true as present
  from emails e where e.email_id > $4::uuid order by e.email_id limit $3::integer)";

// A place behind the last visible row is safe after a crash, because a row becomes visible after its commit was flushed.
constexpr std::string_view end_sql = R"(
select {}, s.forgotten_xid::text, s.forgotten_id, p.xid::text, p.email_id, pg_snapshot_xmax(pg_current_snapshot())::text,
  (select system_identifier from pg_control_system())
from ctms_changes_state s left join (
  select c.xid, c.email_id from ctms_changes c where c.xid < pg_snapshot_xmin(pg_current_snapshot()) order by c.xid desc, c.email_id desc limit 1) p on true)";

constexpr std::string_view forget_sql = R"(
with {},
old as materialized (
  select email_id, xid from ctms_changes where deleted and changed_at < now() - $1::integer * interval '1 second'
    and xid < pg_snapshot_xmin(pg_current_snapshot()) order by changed_at limit $2::integer for update skip locked),
last as materialized (select xid, email_id from old order by xid desc, email_id desc limit 1),
forgotten as (delete from ctms_changes using old where ctms_changes.email_id = old.email_id),
noted as (
  update ctms_changes_state s set system_identifier = cluster.now,
    forgotten_xid = case when cluster.is_new then '0' else greatest(s.forgotten_xid, last.xid) end,
    forgotten_id = case when last.xid > s.forgotten_xid then last.email_id when last.xid = s.forgotten_xid then greatest(s.forgotten_id, last.email_id)
      else s.forgotten_id end
  from cluster left join last on true where cluster.is_new or last.xid is not null)
select count(*) from old)";

// The age of the oldest change that a page does not show: it waits for the end of an earlier transaction, or in the inbox. Rows whose ids
// are in the future are from another cluster.
const statement read_delay{"changes_delay",
                           "select greatest(extract(epoch from clock_timestamp() - least("
                           "(select changed_at from ctms_changes"
                           " where xid >= pg_snapshot_xmin(pg_current_snapshot()) and xid < pg_snapshot_xmax(pg_current_snapshot())"
                           " order by ctms_changes.xid, email_id limit 1),"
                           " (select min(written_at) from (select written_at from ctms_inbox limit 1000) as oldest))) * 1000, 0)::bigint"};

std::string page_sql(std::string_view rows, std::string_view order) {
    return fmt::format(head_sql, epoch_sql, microseconds_sql("p.changed_at"), rows, order);
}

std::uint64_t read_xid(std::string_view text) {
    std::uint64_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

error unknown_place(std::string_view why) {
    return not_found(fmt::format("{}: begin again without \"after\", and then remove contacts that were not delivered", why));
}

model::change read_change(const rows& found, std::size_t row, const model::change_cursor& from) {
    model::change out;
    out.cursor = from;
    out.email_id = uuid::parse(found.text(row, 3)).value_or(uuid{});
    out.cursor.email_id = out.email_id;
    if (!from.listing) out.cursor.xid = read_xid(found.text(row, 5));
    out.when = read_optional_time(found, row, 4).value_or(timestamp{});
    out.client = found.optional_text(row, 6);
    const bool is_new = from.listing || found.boolean(row, 8);
    using enum model::change_kind;
    out.what = !found.boolean(row, 7) ? deleted : is_new ? created : updated;
    return out;
}

/// The position in the feed from which the list of contacts is followed.
model::change_cursor end_of_list(model::change_cursor cursor) {
    cursor.listing = false;
    --cursor.xid;
    cursor.email_id = uuid::parse(last_id).value_or(uuid{});
    return cursor;
}

/// A page, or why there is none.
struct outcome {
    model::change_page page;
    std::string_view gone;
};

outcome read_page(connection& link, model::change_cursor from, bool begins, int limit) {
    static const statement feed{"changes_feed", page_sql(feed_sql, "p.xid, p.email_id")};
    static const statement list{"changes_list", page_sql(list_sql, "p.email_id")};
    const auto position = from.listing && !begins ? end_of_list(from) : from;
    std::vector<parameter> parameters{fmt::to_string(position.xid), position.email_id.to_string(), fmt::to_string(limit + 1)};
    if (from.listing) parameters.emplace_back(from.email_id.to_string());
    const auto found = link.query(from.listing ? list : feed, parameters);
    if (begins) {
        from.epoch = found.text(0, 0);
        from.xid = std::min(from.xid, read_xid(found.text(0, 2)));
    } else if (from.epoch != found.text(0, 0)) {
        return {{}, "The cursor is of another database, or of a time before a backup was restored or a standby took over"};
    } else if (found.boolean(0, 1)) {
        return {{}, "Deletions after the cursor are not known any more"};
    }
    outcome out;
    const auto count = found.is_null(0, 3) ? std::size_t{0} : found.size();
    const auto shown = std::min(count, static_cast<std::size_t>(limit));
    for (std::size_t row = 0; row < shown; ++row) out.page.items.push_back(read_change(found, row, from));
    const bool is_end = count == shown;
    out.page.next = out.page.items.empty() ? from : out.page.items.back().cursor;
    if (from.listing && is_end) out.page.next = end_of_list(out.page.next);
    out.page.more = !is_end || from.listing;
    return out;
}

/// Returns the cursor before the first contact.
model::change_cursor begin_reading(connection& link) {
    static const statement begin_feed{"changes_begin", fmt::format(begin_sql, adopt_cluster)};
    model::change_cursor out;
    out.listing = true;
    out.xid = read_xid(link.query(begin_feed, {}, true).text(0, 0));
    return out;
}

} // namespace

result<model::change_page> change_feed::read(const model::changes_query& query) {
    const auto begun = query.after ? result<model::change_cursor>(*query.after) : run(db_, begin_reading);
    if (!begun) return begun.error();
    auto done = run(db_, [&](connection& link) { return read_page(link, *begun, !query.after, query.limit); });
    if (!done) return done.error();
    if (!done->gone.empty()) return unknown_place(done->gone);
    return std::move(done->page);
}

result<feed_end> change_feed::end() {
    static const statement find_end{"changes_end", fmt::format(end_sql, epoch_sql)};
    return run(db_, [](connection& link) {
        const auto found = link.query(find_end, {});
        const auto place = [&](std::size_t column) {
            model::change_cursor out;
            out.epoch = found.text(0, 0);
            out.xid = read_xid(found.text(0, column));
            out.email_id = uuid::parse(found.text(0, column + 1)).value_or(uuid{});
            return out;
        };
        feed_end out{place(3), place(1), read_xid(found.text(0, 5)), found.integer(0, 6)};
        if (out.oldest.xid >= out.next_xid) out.oldest = {.epoch = out.last.epoch, .email_id = {}}; // of another cluster
        if (is_before(out.last, out.oldest)) out.last = out.oldest;
        return out;
    });
}

result<std::int64_t> change_feed::forget_deletions(std::chrono::seconds age, int limit) {
    static const statement forget{"changes_forget", fmt::format(forget_sql, adopt_cluster)};
    return run(db_, [&](connection& link) {
        return link.query(forget, {fmt::to_string(age.count()), fmt::to_string(limit)}, true).integer(0, 0);
    });
}

result<std::chrono::milliseconds> change_feed::delay() {
    return run(db_, [](connection& link) { return std::chrono::milliseconds(link.query(read_delay, {}).integer(0, 0)); });
}

} // namespace ctms::persistence
