// SPDX-License-Identifier: MPL-2.0
#include "embedded_migrations.hpp"

#include <ctms/base/printable.hpp>
#include <ctms/persistence/migrations.hpp>

#include <persistence/postgres/connection.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>
#include <thread>

namespace ctms::persistence {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view reference_revision = "4f6c48142631";
constexpr std::string_view outside_transaction = "\n-- ctms: outside a transaction\n";
constexpr auto longest_wait = 10min;

const statement look_for_tables{
    "schema_tables", "select to_regclass('ctms_migrations') is not null, to_regclass('alembic_version') is not null,"
                     " array_to_string(array(select name from unnest(array['acoustic_field', 'acoustic_newsletter_mapping', 'amo',"
                     " 'api_client', 'ctms_sync_queue', 'emails', 'fxa', 'mofo', 'newsletters', 'pending_acoustic', 'stripe_customer',"
                     " 'stripe_invoice', 'stripe_invoice_line_item', 'stripe_price', 'stripe_subscription', 'stripe_subscription_item',"
                     " 'waitlists']) name where to_regclass(name) is not null), ', ')"};
const statement read_revision{"schema_revision", "select coalesce(string_agg(version_num, ', '), '') from alembic_version"};
const statement read_applied{"schema_applied", "select version, sha256 from ctms_migrations order by version"};
const statement record{"schema_record", "insert into ctms_migrations (version, name, sha256, adopted)"
                                        " values ($1::integer, $2, $3, $4::boolean)"};
// Sent by the simple protocol: the extended one keeps a portal, and so a snapshot, until the next statement of the transaction.
constexpr const char* try_lock = "select pg_try_advisory_xact_lock(hashtext('ctms_migrations'))";

constexpr const char* create_table = "create table if not exists ctms_migrations ("
                                     " version integer not null constraint ctms_migrations_pkey primary key,"
                                     " name text not null,"
                                     " sha256 text not null,"
                                     " applied_at timestamptz not null default now(),"
                                     " adopted boolean not null default false)";

migration_info info_of(const embedded_migration& one) { return {one.version, one.name, one.sha256}; }

schema_state state(schema_state::kind what, std::string explanation) { return {what, {}, std::move(explanation)}; }

schema_state foreign_revision(std::string_view revision) {
    return state(schema_state::kind::foreign, fmt::format("The database is at revision '{}' of the Python service; only {} can be adopted.",
                                                          revision, reference_revision));
}

std::vector<migration_info> missing_from(const std::map<std::int64_t, std::string>& applied) {
    std::vector<migration_info> missing;
    for (const auto& one : known_migrations()) {
        if (!applied.contains(one.version)) missing.push_back(one);
    }
    return missing;
}

// The state of a database that has a record of its migrations.
schema_state compare(const std::map<std::int64_t, std::string>& applied) {
    const auto newest_known = known_migrations().back().version;
    if (applied.rbegin()->first > newest_known) {
        return state(schema_state::kind::ahead,
                     fmt::format("The database schema is at version {}, but this program knows only up to {}: install a newer release.",
                                 applied.rbegin()->first, newest_known));
    }
    for (const auto& one : known_migrations()) {
        const auto found = applied.find(one.version);
        if (found != applied.end() && found->second != one.sha256) {
            return state(schema_state::kind::foreign,
                         fmt::format("Migration {} ({}) was applied to the database with other content than this"
                                     " program has.",
                                     one.version, one.name));
        }
    }
    schema_state found{schema_state::kind::current, missing_from(applied), "The database schema is up to date."};
    if (!found.pending.empty()) {
        found.what = schema_state::kind::behind;
        found.explanation =
            fmt::format("The database schema lacks {}; run `ctms-admin migrate`.", counted(found.pending.size(), "migration"));
    }
    return found;
}

// The state of a database without such a record.
schema_state first_look(bool has_revision, std::string_view tables) {
    if (has_revision) {
        return {schema_state::kind::adoptable, missing_from({{1, ""}}),
                "The database was created by the Python service; run `ctms-admin migrate` to adopt it."};
    }
    if (!tables.empty()) {
        return state(schema_state::kind::foreign,
                     fmt::format("The database contains tables of the same names, but no record of who created them: {}.", tables));
    }
    return {schema_state::kind::empty, known_migrations(), "The database is empty; run `ctms-admin migrate`."};
}

schema_state inspect(connection& link) {
    const auto tables = link.query(look_for_tables, {});
    const bool has_revision = tables.boolean(0, 1);
    if (has_revision) {
        const auto revision = link.query(read_revision, {});
        if (revision.text(0, 0) != reference_revision) return foreign_revision(revision.text(0, 0));
    }
    std::map<std::int64_t, std::string> applied;
    if (tables.boolean(0, 0)) {
        const auto found = link.query(read_applied, {});
        for (std::size_t row = 0; row < found.size(); ++row) applied.emplace(found.integer(row, 0), found.text(row, 1));
    }
    return applied.empty() ? first_look(has_revision, tables.text(0, 2)) : compare(applied);
}

void remember(connection& link, const migration_info& what, bool adopted) {
    link.query(record, {std::to_string(what.version), what.name, what.sha256, adopted ? "t" : "f"}, true);
}

void begin_step(connection& link, std::chrono::milliseconds lock_timeout) {
    link.begin();
    // Fails instead of waiting for a long transaction, because all other transactions would then wait too.
    link.execute(
        fmt::format("set local lock_timeout = {}; set local client_min_messages = warning; {}", lock_timeout.count(), create_table));
}

// Runs each line that is not a comment as a statement.
void apply_outside_transaction(connection& link, std::string_view sql) {
    while (!sql.empty()) {
        const auto line = sql.substr(0, sql.find('\n'));
        sql.remove_prefix(std::min(sql.size(), line.size() + 1));
        if (!line.empty() && !line.starts_with("--")) link.execute(std::string(line));
    }
}

void apply(connection& link, const embedded_migration& one, std::chrono::milliseconds lock_timeout) {
    const std::string_view sql = one.sql;
    const bool outside = sql.find(outside_transaction) != std::string_view::npos;
    if (outside) apply_outside_transaction(link, sql);
    begin_step(link, lock_timeout);
    if (!outside) link.execute(one.sql);
    remember(link, info_of(one), false);
    link.commit();
}

// An idle transaction on a separate connection holds the lock, so that it lasts over all steps, works with PgBouncer, and keeps
// no snapshot: an index that is built concurrently waits for all older snapshots, including those of waiting migrators.
void wait_for_lock(connection& guard) {
    const auto deadline = std::chrono::steady_clock::now() + longest_wait;
    while (true) {
        guard.begin();
        guard.execute("set local idle_in_transaction_session_timeout = 0");
        if (guard.execute(try_lock).boolean(0, 0)) return;
        guard.rollback();
        if (std::chrono::steady_clock::now() > deadline) {
            throw sql_error(sql_error::kind::timeout, "", "", "another process has been migrating the database for ten minutes");
        }
        std::this_thread::sleep_for(50ms);
    }
}

result<std::vector<migration_info>> migrate_locked(connection& link, std::chrono::milliseconds lock_timeout) {
    const auto found = inspect(link);
    if (found.what == schema_state::kind::ahead || found.what == schema_state::kind::foreign) {
        return invalid(found.explanation);
    }
    if (found.what == schema_state::kind::adoptable) {
        begin_step(link, lock_timeout);
        remember(link, known_migrations().front(), true);
        link.commit();
    }
    for (const auto& one : embedded_migrations()) {
        const auto is_this = [&](const migration_info& pending) { return pending.version == one.version; };
        if (std::any_of(found.pending.begin(), found.pending.end(), is_this)) apply(link, one, lock_timeout);
    }
    return found.pending;
}

error failed(const sql_error& failure) {
    auto outside = to_error(failure, metrics::null_recorder());
    if (outside.code != errc::outcome_unknown) outside.code = errc::unavailable;
    return outside;
}

} // namespace

const std::vector<migration_info>& known_migrations() {
    static const std::vector<migration_info> all = [] {
        std::vector<migration_info> made;
        for (const auto& one : embedded_migrations()) made.push_back(info_of(one));
        return made;
    }();
    return all;
}

result<schema_state> inspect_schema(const database_options& options) {
    try {
        connection link(options);
        return inspect(link);
    } catch (const sql_error& failure) {
        return failed(failure);
    }
}

result<std::vector<migration_info>> migrate(const database_options& options) {
    auto patient = options;
    patient.statement_timeout = patient.lock_timeout = 0ms;
    try {
        connection guard(patient);
        wait_for_lock(guard);
        connection link(patient);
        return migrate_locked(link, options.lock_timeout);
    } catch (const sql_error& failure) {
        return failed(failure);
    }
}

} // namespace ctms::persistence
