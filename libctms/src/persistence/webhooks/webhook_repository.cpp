// SPDX-License-Identifier: MPL-2.0
#include "webhook_repository.hpp"

#include <base/storable.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ctms::persistence {
namespace {

using model::change_kind;
using model::webhook_state;

constexpr std::array<std::pair<change_kind, std::string_view>, 3> kind_names{
    {{change_kind::created, "created"}, {change_kind::updated, "updated"}, {change_kind::deleted, "deleted"}}};

// The lag: changes whose ids are in the future are from another cluster.
std::string columns_sql() {
    return fmt::format(
        "webhook_id, name, url, events, with_contacts, allow_http, allow_private_address, state, reason, epoch, xid::text, email_id,"
        " system_identifier, lost, {}, failures, last_failure, {}, {}, case when old_secret_until > now() then {} end, {},"
        " held_until > now(), state = 'enabled' and held_until <= now() and next_attempt_at <= now(),"
        " coalesce((select greatest(extract(epoch from clock_timestamp() - c.changed_at), 0)::bigint from ctms_changes c"
        " where (c.xid, c.email_id) > (w.xid, w.email_id) and c.xid < pg_snapshot_xmax(pg_current_snapshot())"
        " order by c.xid, c.email_id limit 1), 0)",
        microseconds_sql("lost_at"), microseconds_sql("next_attempt_at"), microseconds_sql("delivered_at"),
        microseconds_sql("old_secret_until"), microseconds_sql("created_at"));
}

constexpr int secrets_begin = 24; // after the columns above
std::string secrets_sql() {
    return fmt::format(", secret, case when old_secret_until > now() then old_secret end, {}", microseconds_sql("now()"));
}

const statement& list_statement() {
    static const statement out{"webhooks_list", fmt::format(R"(select {} from ctms_webhooks w order by name collate "C")", columns_sql())};
    return out;
}

const statement& find_statement() {
    static const statement out{"webhooks_find",
                               fmt::format("select {}{} from ctms_webhooks w where name = $1", columns_sql(), secrets_sql())};
    return out;
}

const statement& claim_statement() {
    static const statement out{
        "webhooks_claim",
        fmt::format(
            "update ctms_webhooks w set holder = $2::uuid, held_until = now() + $3::bigint * interval '1 second'"
            " where webhook_id = $1::uuid and state = 'enabled' and held_until <= now() and next_attempt_at <= now() returning {}{}",
            columns_sql(), secrets_sql())};
    return out;
}

const statement add_webhook{"webhooks_add",
                            "insert into ctms_webhooks (webhook_id, name, url, events, with_contacts, allow_http, allow_private_address,"
                            " epoch, xid, email_id, system_identifier, secret)"
                            " select $1::uuid, $2, $3, $4, $5::boolean, $6::boolean, $7::boolean, $8, $9::text::xid8, $10::uuid,"
                            " $11::bigint, $12 where (select count(*) from ctms_webhooks) < $13::integer"};
const statement remove_webhook{"webhooks_remove", "delete from ctms_webhooks where name = $1"};
const statement disable_webhook{"webhooks_disable", "update ctms_webhooks set state = 'disabled', reason = $2 where name = $1"};
// A process that delivers at the moment must not move the place that is set here.
const statement enable_webhook{
    "webhooks_enable",
    "update ctms_webhooks set state = 'enabled', reason = null, failures = 0, last_failure = null, next_attempt_at = now(), "
    "system_identifier = $2::bigint,"
    " epoch = coalesce($3, epoch), xid = coalesce($4::text::xid8, xid), email_id = coalesce($5::uuid, email_id),"
    " lost = case when $3 is null then lost end, lost_at = case when $3 is null then lost_at end,"
    " holder = case when $3 is null then holder end, held_until = case when $3 is null then held_until else '-infinity' end where name = "
    "$1"};
const statement set_webhook_secret{"webhooks_set_secret",
                                   "update ctms_webhooks set old_secret = case when $3::bigint is not null then secret end,"
                                   " old_secret_until = timestamptz 'epoch' + $3::bigint * interval '1 microsecond', secret = $2"
                                   " where name = $1 and ($4::boolean or old_secret_until is null or old_secret_until <= now())"};

constexpr std::string_view held = " where webhook_id = $1::uuid and holder = $2::uuid";
const statement move_webhook{
    "webhooks_move", fmt::format("update ctms_webhooks set epoch = $3, xid = $4::text::xid8, email_id = $5::uuid,"
                                 " held_until = now() + $6::bigint * interval '1 second',"
                                 " failures = case when $7::boolean then 0 else failures end,"
                                 " last_failure = case when not $7::boolean then last_failure end,"
                                 " lost = case when not $7::boolean then lost end,"
                                 " lost_at = case when not $7::boolean then lost_at end,"
                                 " delivered_at = case when $7::boolean then now() else delivered_at end{} returning state = 'enabled'",
                                 held)};
const statement note_webhook_lost{"webhooks_note_lost",
                                  fmt::format("update ctms_webhooks set epoch = $3, xid = $4::text::xid8, email_id = $5::uuid,"
                                              " held_until = now() + $6::bigint * interval '1 second', lost = $7, lost_at = now(){}"
                                              " returning state = 'enabled'",
                                              held)};
// An operator who retries or enables a webhook sets its failures and its next attempt anew: an attempt that began before must not undo
// that.
const statement& fail_statement() {
    static const statement out{
        "webhooks_fail",
        fmt::format("update ctms_webhooks set failures = failures + 1, last_failure = $3, holder = null,"
                    " held_until = '-infinity', next_attempt_at = now() + $4::bigint * interval '1 millisecond',"
                    " state = case when state = 'enabled' then $5 else state end,"
                    " reason = case when state = 'enabled' and $5 <> 'enabled' then $3 else reason end{} and failures = $6::integer"
                    " and {} = $7",
                    held, microseconds_sql("next_attempt_at"))};
    return out;
}
const statement release_webhook{"webhooks_release",
                                fmt::format("update ctms_webhooks set holder = null, held_until = '-infinity'{}", held)};

// A webhook without a failure does not wait. The longest wait is a day, with 20 % jitter; the longest lease three minutes. $1: the longest
// grace period of a replaced secret, in seconds.
const statement bring_webhooks_back{
    "webhooks_bring_back",
    "update ctms_webhooks w set next_attempt_at = case when far.waits then now() else w.next_attempt_at end,"
    " held_until = least(w.held_until, now() + interval '5 minutes'),"
    " old_secret_until = case when far.signs then now() + $1::bigint * interval '1 second' else w.old_secret_until end"
    " from (select webhook_id, next_attempt_at > now() + case when failures = 0 then interval '0' else interval '29 hours' end as waits,"
    " held_until > now() + interval '5 minutes' as is_held,"
    " coalesce(old_secret_until > now() + $1::bigint * interval '1 second', false) as signs from ctms_webhooks) far"
    " where w.webhook_id = far.webhook_id and (far.waits or far.is_held or far.signs)"};

std::string write_events(const std::set<change_kind>& events) {
    std::string out;
    for (const auto& [kind, name] : kind_names) {
        if (events.contains(kind)) (out += out.empty() ? "" : ",") += name;
    }
    return out;
}

std::set<change_kind> read_events(std::string_view text) {
    std::set<change_kind> out;
    for (const auto& [kind, name] : kind_names) {
        if (text.find(name) != std::string_view::npos) out.insert(kind);
    }
    return out;
}

std::string_view to_text(webhook_state state) {
    return state == webhook_state::enabled ? "enabled" : state == webhook_state::disabled ? "disabled" : "parked";
}

webhook_state read_state(std::string_view text) {
    return text == "enabled" ? webhook_state::enabled : text == "parked" ? webhook_state::parked : webhook_state::disabled;
}

model::change_cursor read_place(const rows& found, std::size_t row, std::size_t column) {
    model::change_cursor out;
    out.epoch = found.text(row, column);
    const auto xid = found.text(row, column + 1);
    std::from_chars(xid.data(), xid.data() + xid.size(), out.xid);
    out.email_id = uuid::parse(found.text(row, column + 2)).value_or(uuid{});
    return out;
}

model::webhook read_webhook(const rows& found, std::size_t row) {
    model::webhook out;
    out.id = uuid::parse(found.text(row, 0)).value_or(uuid{});
    out.name = found.text(row, 1);
    out.url = found.text(row, 2);
    out.events = read_events(found.text(row, 3));
    out.with_contacts = found.boolean(row, 4);
    out.allow_http = found.boolean(row, 5);
    out.allow_private_address = found.boolean(row, 6);
    out.state = read_state(found.text(row, 7));
    out.reason = found.text(row, 8);
    out.after = read_place(found, row, 9);
    out.cluster = found.integer(row, 12);
    out.lost = found.text(row, 13);
    out.lost_at = read_optional_time(found, row, 14);
    out.failures = static_cast<int>(found.integer(row, 15));
    out.last_failure = found.text(row, 16);
    out.next_attempt_at = read_time(found, row, 17);
    out.delivered_at = read_optional_time(found, row, 18);
    out.old_secret_until = read_optional_time(found, row, 19);
    out.created_at = read_time(found, row, 20);
    out.is_held = found.boolean(row, 21);
    out.is_due = found.boolean(row, 22);
    out.lag = std::chrono::seconds(found.integer(row, 23));
    return out;
}

signing_webhook read_signing(const rows& found) {
    signing_webhook out{read_webhook(found, 0), {std::string(found.text(0, secrets_begin))}, read_time(found, 0, secrets_begin + 2)};
    if (auto old = found.optional_text(0, secrets_begin + 1)) out.secrets.push_back(*std::move(old));
    return out;
}

error no_such_webhook(std::string_view name) { return not_found(fmt::format("there is no webhook '{}'", name)); }

std::string flag(bool value) { return value ? "t" : "f"; }

/// Runs a statement that changes the webhook with this name.
result<void> change(database& db, const statement& what, std::string_view name, std::vector<parameter> more = {}) {
    if (!is_storable(name)) return no_such_webhook(to_storable(name));
    more.insert(more.begin(), std::string(name));
    const auto touched = run(db, [&](connection& link) { return link.query(what, more, true).affected(); });
    if (!touched) return touched.error();
    return *touched == 0 ? result<void>(no_such_webhook(name)) : result<void>();
}

std::vector<parameter> held_parameters(const uuid& id, const uuid& holder, const model::change_cursor& to, std::chrono::seconds lease,
                                       std::string last) {
    return {id.to_string(), holder.to_string(), to.epoch, fmt::to_string(to.xid), to.email_id.to_string(), fmt::to_string(lease.count()),
            std::move(last)};
}

/// Runs a statement of the holder. Returns false if it does not hold the webhook, or the webhook is not enabled.
result<bool> change_held(database& db, const statement& what, const std::vector<parameter>& parameters) {
    return run(db, [&](connection& link) {
        const auto found = link.query(what, parameters, true);
        return !found.empty() && found.boolean(0, 0);
    });
}

} // namespace

result<void> webhook_repository::add(const model::webhook& made, const std::string& secret, int most) {
    const std::vector<parameter> values{made.id.to_string(),
                                        made.name,
                                        made.url,
                                        write_events(made.events),
                                        flag(made.with_contacts),
                                        flag(made.allow_http),
                                        flag(made.allow_private_address),
                                        made.after.epoch,
                                        fmt::to_string(made.after.xid),
                                        made.after.email_id.to_string(),
                                        fmt::to_string(made.cluster),
                                        secret,
                                        fmt::to_string(most)};
    const auto added = run(db_, [&](connection& link) { return link.query(add_webhook, values, true).affected(); });
    if (!added && added.error().code == errc::conflict) {
        auto taken = conflict(fmt::format("there is a webhook '{}' already: choose another name", made.name));
        taken.conflicts = {"name"};
        return taken;
    }
    if (!added) return added.error();
    return *added == 0 ? result<void>(conflict(fmt::format("there are {} webhooks already, which is the maximum", most))) : result<void>();
}

result<void> webhook_repository::bring_times_back(std::chrono::seconds longest_grace) {
    return run(db_, [&](connection& link) { link.query(bring_webhooks_back, {fmt::to_string(longest_grace.count())}, true); });
}

result<std::vector<model::webhook>> webhook_repository::list() {
    return run(db_, [](connection& link) {
        const auto found = link.query(list_statement(), {});
        std::vector<model::webhook> out;
        out.reserve(found.size());
        for (std::size_t row = 0; row < found.size(); ++row) out.push_back(read_webhook(found, row));
        return out;
    });
}

result<signing_webhook> webhook_repository::find(std::string_view name) {
    if (!is_storable(name)) return no_such_webhook(to_storable(name));
    const auto found = run(db_, [&](connection& link) { return link.query(find_statement(), {std::string(name)}); });
    if (!found) return found.error();
    if (found->empty()) return no_such_webhook(name);
    return read_signing(*found);
}

result<void> webhook_repository::remove(std::string_view name) { return change(db_, remove_webhook, name); }

result<void> webhook_repository::disable(std::string_view name, const std::string& reason) {
    return change(db_, disable_webhook, name, {reason});
}

result<void> webhook_repository::enable(std::string_view name, std::int64_t cluster, const std::optional<model::change_cursor>& from) {
    std::vector<parameter> values{fmt::to_string(cluster), std::nullopt, std::nullopt, std::nullopt};
    if (from) values = {fmt::to_string(cluster), from->epoch, fmt::to_string(from->xid), from->email_id.to_string()};
    return change(db_, enable_webhook, name, std::move(values));
}

result<void> webhook_repository::set_secret(std::string_view name, const std::string& secret, const std::optional<timestamp>& old_until,
                                            bool end_grace) {
    parameter until;
    if (old_until) until = fmt::to_string(old_until->time_since_epoch().count());
    return change(db_, set_webhook_secret, name, {secret, std::move(until), flag(end_grace)});
}

result<std::optional<signing_webhook>> webhook_repository::claim(const uuid& id, const uuid& holder, std::chrono::seconds lease) {
    return run(db_, [&](connection& link) {
        const auto found = link.query(claim_statement(), {id.to_string(), holder.to_string(), fmt::to_string(lease.count())}, true);
        return found.empty() ? std::nullopt : std::optional(read_signing(found));
    });
}

result<bool> webhook_repository::move_on(const uuid& id, const uuid& holder, const model::change_cursor& to, bool sent,
                                         std::chrono::seconds lease) {
    return change_held(db_, move_webhook, held_parameters(id, holder, to, lease, flag(sent)));
}

result<bool> webhook_repository::note_lost(const uuid& id, const uuid& holder, const model::change_cursor& to, const std::string& why,
                                           std::chrono::seconds lease) {
    return change_held(db_, note_webhook_lost, held_parameters(id, holder, to, lease, why));
}

result<bool> webhook_repository::fail(const model::webhook& claimed, const uuid& holder, const webhook_failure& what) {
    return run(db_, [&](connection& link) {
        const auto id = claimed.id.to_string();
        const bool recorded =
            link.query(fail_statement(),
                       {id, holder.to_string(), what.what, fmt::to_string(what.wait.count()), std::string(to_text(what.next)),
                        fmt::to_string(claimed.failures), fmt::to_string(claimed.next_attempt_at.time_since_epoch().count())},
                       true)
                .affected() > 0;
        if (!recorded) link.query(release_webhook, {id, holder.to_string()}, true);
        return recorded;
    });
}

result<void> webhook_repository::release(const uuid& id, const uuid& holder) {
    return run(db_, [&](connection& link) { link.query(release_webhook, {id.to_string(), holder.to_string()}, true); });
}

} // namespace ctms::persistence
