// SPDX-License-Identifier: MPL-2.0
#include "client_repository.hpp"

#include <base/storable.hpp>
#include <ctms/base/json_text.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace ctms::persistence {

namespace {

/// The columns that read_client() reads.
const std::string from_clients = " from api_client c left join ctms_client_rules u on u.client_id = c.client_id"
                                 " left join ctms_client_use l on l.client_id = c.client_id";
const std::string client_columns = "select c.client_id, c.email, coalesce(c.enabled, true), c.hashed_secret,"
                                   " " +
                                   microseconds_sql("c.create_timestamp") + ", " + microseconds_sql("c.update_timestamp") +
                                   ","
                                   " (select string_agg(role, ',') from ctms_client_roles r where r.client_id = c.client_id),"
                                   " coalesce(u.must_have_precondition, false), u.rate_requests, u.rate_seconds, u.burst, u.concurrency,"
                                   " round(extract(epoch from l.last_used_at) * 1000000)::bigint";
constexpr std::size_t after_client = 13; ///< the first column that follows them

const statement find_client{"client_find", client_columns + from_clients + " where c.client_id = $1"};
const statement find_access_of{
    "client_find_access", client_columns +
                              ", (select string_agg(round(extract(epoch from valid_until) * 1000000)::bigint || ' ' || o.hashed_secret,"
                              " E'\\n' order by valid_until desc) from ctms_client_old_secrets o"
                              " where o.client_id = c.client_id and valid_until > now()),"
                              " (select round(extract(epoch from max(issued_before)) * 1000000)::bigint from ctms_client_revocations r"
                              " where r.client_id = c.client_id and not exists (select from ctms_client_old_secrets o"
                              " where o.client_id = r.client_id and o.hashed_secret = r.hashed_secret and o.valid_until > now()))" +
                              from_clients + " where c.client_id = $1"};
const statement list_clients{"client_list", client_columns + from_clients + " order by c.client_id collate \"C\""};
const statement create_client{"client_create", "with made as (insert into api_client (client_id, email, enabled, hashed_secret)"
                                               " values ($1, $2, $3::boolean, $4) returning client_id)"
                                               " insert into ctms_client_roles (client_id, role)"
                                               " select client_id, unnest(string_to_array($5, ',')) from made"};
const statement set_client_enabled{"client_set_enabled",
                                   "update api_client set enabled = $2::boolean, update_timestamp = now() where client_id = $1"};
const statement set_client_email{"client_set_email", "update api_client set email = $2, update_timestamp = now() where client_id = $1"};
const statement touch_client{"client_touch", "update api_client set update_timestamp = now() where client_id = $1"};
const statement drop_roles{"client_drop_roles", "delete from ctms_client_roles where client_id = $1"};
const statement add_roles{"client_add_roles",
                          "insert into ctms_client_roles (client_id, role) select $1, unnest(string_to_array($2, ','))"};
const statement set_rules_of{"client_set_rules",
                             "insert into ctms_client_rules (client_id, must_have_precondition) values ($1, $2::boolean)"
                             " on conflict (client_id) do update set must_have_precondition = excluded.must_have_precondition"};
const statement set_limits_of{"client_set_limits",
                              "insert into ctms_client_rules (client_id, rate_requests, rate_seconds, burst, concurrency)"
                              " values ($1, $2, $3, $4, $5) on conflict (client_id) do update set rate_requests = excluded.rate_requests,"
                              " rate_seconds = excluded.rate_seconds, burst = excluded.burst, concurrency = excluded.concurrency"};
// Only clients that exist, which are locked so that none is deleted meanwhile; a later time that another instance stored stays.
const statement add_uses{
    "client_add_uses", "insert into ctms_client_use as known (client_id, last_used_at)"
                       " select c.client_id, clock_timestamp() - used.ago::bigint * interval '1 millisecond'"
                       " from json_each_text($1::json) used (client_id, ago) join api_client c on c.client_id = used.client_id"
                       " order by c.client_id for key share of c on conflict (client_id) do update set last_used_at = excluded.last_used_at"
                       " where known.last_used_at < excluded.last_used_at"};
const statement lock_secret{"client_lock_secret", "select hashed_secret from api_client where client_id = $1 for update"};
const statement drop_old_secrets{"client_drop_old_secrets", "delete from ctms_client_old_secrets"
                                                            " where valid_until <= now() or (client_id = $1 and $2::bigint = 0)"};
const statement keep_secret{"client_keep_secret",
                            "insert into ctms_client_old_secrets (client_id, hashed_secret, valid_until)"
                            " values ($1, $2, now() + $3::bigint * interval '1 second')"
                            " on conflict (client_id, hashed_secret) do update set valid_until = excluded.valid_until"};
const statement set_client_secret{"client_set_secret",
                                  "update api_client set hashed_secret = $2, update_timestamp = now() where client_id = $1"};
const statement remove_client{"client_remove", "delete from api_client where client_id = $1"};

std::string to_text(const std::optional<std::set<model::role>>& roles) {
    std::string out;
    if (!roles) return out;
    for (const auto one : *roles) (out += out.empty() ? "" : ",") += to_string(one);
    return out;
}

/// null means no limit; a role name that this program does not know grants nothing.
std::optional<std::set<model::role>> read_roles(const std::optional<std::string>& names) {
    if (!names) return std::nullopt;
    std::set<model::role> out;
    for (std::string_view rest = *names; !rest.empty();) {
        const auto end = std::min(rest.find(','), rest.size());
        if (const auto known = model::find_role(rest.substr(0, end))) out.insert(*known);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

int read_int(const rows& answer, std::size_t row, std::size_t column) { return static_cast<int>(answer.integer(row, column)); }

model::api_client read_client(const rows& answer, std::size_t row) {
    model::api_client client;
    client.client_id = answer.text(row, 0);
    client.email = answer.text(row, 1);
    client.enabled = answer.boolean(row, 2);
    client.hashed_secret = answer.text(row, 3);
    client.create_timestamp = read_time(answer, row, 4);
    client.update_timestamp = read_time(answer, row, 5);
    client.roles = read_roles(answer.optional_text(row, 6));
    client.must_have_precondition = answer.boolean(row, 7);
    if (!answer.is_null(row, 8))
        client.limits.rate = {read_int(answer, row, 8), std::chrono::seconds(answer.integer(row, 9)), read_int(answer, row, 10)};
    if (!answer.is_null(row, 11)) client.limits.concurrency = read_int(answer, row, 11);
    client.last_used = read_optional_time(answer, row, 12);
    return client;
}

/// Each line holds microseconds since 1970, a space and a hash.
std::vector<model::old_secret> read_old_secrets(std::string_view lines) {
    std::vector<model::old_secret> all;
    while (!lines.empty()) {
        const auto line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        std::int64_t until = 0;
        const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), until);
        if (problem != std::errc() || end == line.data() + line.size() || *end != ' ') continue;
        all.push_back({std::string(end + 1, line.data() + line.size()), timestamp(std::chrono::microseconds(until))});
    }
    return all;
}

error no_such_client() { return not_found("Unknown client_id"); }

result<void> change(database& db, const statement& what, std::string_view client_id, std::optional<std::string> value) {
    if (!is_storable(client_id)) return no_such_client();
    std::vector<parameter> parameters{std::string(client_id)};
    if (value) parameters.push_back(std::move(value));
    const auto touched = run(db, [&](connection& link) { return link.query(what, parameters, true).affected(); });
    if (!touched) return touched.error();
    if (*touched == 0) return no_such_client();
    return {};
}

/// Runs `act(connection)` in one transaction. `act` returns whether the client exists.
template <class Act>
result<void> in_transaction(database& db, std::string_view client_id, Act act) {
    if (!is_storable(client_id)) return no_such_client();
    const auto found = run(db, [&](connection& link) {
        link.begin();
        const bool exists = act(link);
        link.commit();
        return exists;
    });
    if (!found) return found.error();
    return *found ? result<void>() : result<void>(no_such_client());
}

} // namespace

result<model::api_client> client_repository::find(std::string_view client_id) {
    if (!is_storable(client_id)) return no_such_client();
    const auto found = run(db_, [&](connection& link) { return link.query(find_client, {std::string(client_id)}); });
    if (!found) return found.error();
    if (found->empty()) return no_such_client();
    return read_client(*found, 0);
}

result<client_access> client_repository::find_access(std::string_view client_id) {
    if (!is_storable(client_id)) return no_such_client();
    const auto found = run(db_, [&](connection& link) { return link.query(find_access_of, {std::string(client_id)}); });
    if (!found) return found.error();
    if (found->empty()) return no_such_client();
    return client_access{read_client(*found, 0), read_old_secrets(found->optional_text(0, after_client).value_or("")),
                         read_optional_time(*found, 0, after_client + 1)};
}

result<std::vector<model::api_client>> client_repository::list() {
    return run(db_, [](connection& link) {
        const auto answer = link.query(list_clients, {});
        std::vector<model::api_client> all;
        all.reserve(answer.size());
        for (std::size_t row = 0; row < answer.size(); ++row) all.push_back(read_client(answer, row));
        return all;
    });
}

result<void> client_repository::create(const model::api_client& client) {
    auto done = run(db_, [&](connection& link) {
        link.query(create_client, {client.client_id, client.email, client.enabled ? "t" : "f", client.hashed_secret, to_text(client.roles)},
                   true);
    });
    if (done || done.error().code != errc::conflict) return done;
    error taken = done.error();
    taken.message = "client_id is already used";
    taken.conflicts = {"client_id"};
    return taken;
}

result<void> client_repository::set_enabled(std::string_view client_id, bool enabled) {
    return change(db_, set_client_enabled, client_id, enabled ? "t" : "f");
}

result<void> client_repository::set_email(std::string_view client_id, const std::string& email) {
    return change(db_, set_client_email, client_id, email);
}

result<void> client_repository::set_roles(std::string_view client_id, const std::optional<std::set<model::role>>& roles) {
    const std::string id(client_id);
    return in_transaction(db_, client_id, [&](connection& link) {
        if (link.query(touch_client, {id}, true).affected() == 0) return false;
        link.query(drop_roles, {id}, true);
        link.query(add_roles, {id, to_text(roles)}, true);
        return true;
    });
}

result<void> client_repository::set_must_have_precondition(std::string_view client_id, bool must) {
    const std::string id(client_id);
    return in_transaction(db_, client_id, [&](connection& link) {
        if (link.query(touch_client, {id}, true).affected() == 0) return false;
        link.query(set_rules_of, {id, must ? "t" : "f"}, true);
        return true;
    });
}

result<void> client_repository::set_limits(std::string_view client_id, const model::client_limits& limits) {
    const std::string id(client_id);
    std::vector<parameter> values{id, std::nullopt, std::nullopt, std::nullopt, std::nullopt};
    if (limits.rate) {
        values[1] = std::to_string(limits.rate->requests);
        values[2] = std::to_string(limits.rate->window.count());
        values[3] = std::to_string(limits.rate->burst);
    }
    if (limits.concurrency) values[4] = std::to_string(*limits.concurrency);
    return in_transaction(db_, client_id, [&](connection& link) {
        if (link.query(touch_client, {id}, true).affected() == 0) return false;
        link.query(set_limits_of, values, true);
        return true;
    });
}

result<void> client_repository::note_uses(const std::vector<client_use>& uses) {
    std::string ages;
    object_writer writer(ages);
    for (const auto& one : uses) writer.add(one.client_id, std::int64_t{one.ago.count()});
    writer.close();
    return run(db_, [&](connection& link) { link.query(add_uses, {ages}, true); });
}

result<void> client_repository::set_hashed_secret(std::string_view client_id, std::string_view hashed_secret,
                                                  std::chrono::seconds keep_old) {
    const std::string id(client_id);
    const auto seconds = std::to_string(keep_old.count());
    return in_transaction(db_, client_id, [&](connection& link) {
        const auto current = link.query(lock_secret, {id});
        if (current.empty()) return false;
        link.query(drop_old_secrets, {id, seconds}, true);
        if (keep_old.count() > 0) link.query(keep_secret, {id, std::string(current.text(0, 0)), seconds}, true);
        link.query(set_client_secret, {id, std::string(hashed_secret)}, true);
        return true;
    });
}

result<void> client_repository::remove(std::string_view client_id) { return change(db_, remove_client, client_id, std::nullopt); }

} // namespace ctms::persistence
