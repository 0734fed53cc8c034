// SPDX-License-Identifier: MPL-2.0
#include "preflight.hpp"

#include "blockers.hpp"
#include "embedded_migrations.hpp"
#include "migration_file.hpp"
#include "schema_look.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ctms::persistence {

namespace {

using effect = planned_step::effect;

// How fast a step works on a table: an index reads the table twice and sorts, a batch writes. Measured with 100,000 and 1,000,000 contacts,
// on two cores that were busy with other work: indexes on tables of 2 to 61 MB were built with 23 to 53 MB/s, batches copied 2.6 to 3.5
// MB/s.
constexpr double indexed_bytes_per_second = 40e6;
constexpr double copied_bytes_per_second = 3e6;
constexpr double shortest_step = 0.1;

const statement read_size{"plan_size", "select coalesce(pg_relation_size(to_regclass(quote_ident($1))), -1)"};
// $2: the modes of lock that stand in the way. Transactions that end in a moment are left out.
const statement read_holders{"plan_holders",
                             std::string(select_session) +
                                 " where pid <> pg_backend_pid() and coalesce(now() - xact_start > interval '1 second', true)"
                                 " and pid in (select pid from pg_locks where granted and locktype = 'relation'"
                                 " and relation = to_regclass(quote_ident($1)) and mode = any($2::text[]))"};
// An index that is built concurrently waits for all transactions that began before it.
const statement read_old_transactions{"plan_old", std::string(select_session) +
                                                      " where pid <> pg_backend_pid() and datname = current_database()"
                                                      " and now() - xact_start > interval '1 second'"};

const statement read_schema_rights{"plan_schema",
                                   "select coalesce(quote_ident(current_schema()), ''), quote_ident(current_user),"
                                   " coalesce(has_schema_privilege(current_schema(), 'create'), false), current_setting('search_path')"};
const statement read_foreign_tables{
    "plan_owners", "select 'table', c.oid::regclass::text, quote_ident(pg_get_userbyid(c.relowner)) from pg_class c"
                   " where not pg_has_role(c.relowner, 'usage') and c.relkind in ('r', 'p') and (c.oid = any(array(select"
                   " to_regclass(quote_ident(one))::oid from unnest($1::text[]) one)) or c.relname like 'ctms\\_%'"
                   " and c.relnamespace = quote_ident(current_schema())::regnamespace)"
                   " union all select 'function', p.oid::regprocedure::text, quote_ident(pg_get_userbyid(p.proowner)) from pg_proc p"
                   " where not pg_has_role(p.proowner, 'usage') and p.proname like 'ctms\\_%'"
                   " and p.pronamespace = quote_ident(current_schema())::regnamespace order by 1 desc, 2"};
// Who else may create objects in the schema: not its owner, not this account and the roles that it is a member of.
const statement read_creators{
    "plan_creators", "select case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end"
                     " from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = current_schema() and a.privilege_type = 'CREATE'"
                     " and a.grantee <> n.nspowner and (a.grantee = 0 or not pg_has_role(a.grantee, 'usage')) order by 1"};
const statement read_other_schemas{"plan_elsewhere",
                                   fmt::format("select quote_ident(n.nspname), string_agg(c.relname, ', ' order by c.relname)"
                                               " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                                               " where c.relkind in ('r', 'p') and n.nspname <> coalesce(current_schema(), '')"
                                               " and n.nspname not like 'pg\\_%' and (c.relname = any({}) or c.relname = 'ctms_migrations')"
                                               " group by n.nspname order by 1",
                                               telling_tables())};

// Tables of the Python service that are not in the schema of our tables, where the functions of our triggers look for them.
const statement read_misplaced{
    "plan_misplaced",
    fmt::format("select string_agg(quote_ident(c.relname), ', ' order by c.relname), quote_ident(n.nspname), quote_ident(h.nspname),"
                " current_setting('search_path') from unnest({}) name join pg_class c on c.oid = to_regclass(quote_ident(name))"
                " join pg_namespace n on n.oid = c.relnamespace join pg_namespace h on h.oid = coalesce((select relnamespace from pg_class"
                " where oid = to_regclass('ctms_sync_queue')), quote_ident(current_schema())::regnamespace)"
                " where n.oid <> h.oid group by 2, 3 order by 2",
                telling_tables())};

std::string array_literal(const std::vector<std::string>& words) { return fmt::format("{{{}}}", fmt::join(words, ",")); }

std::vector<std::string> modes_against(table_lock::kind what) {
    std::vector<std::string> all{"RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock",
                                 "ExclusiveLock",    "AccessExclusiveLock"};
    if (what == table_lock::kind::everything) all.insert(all.end(), {"AccessShareLock", "RowShareLock"});
    return all;
}

effect effect_of(const migration_step& step, table_lock::kind lock) {
    if (step.what == migration_step::kind::batch) return effect::batches;
    if (lock == table_lock::kind::writers) return effect::writers;
    return lock == table_lock::kind::everything ? effect::everyone : effect::none;
}

double seconds_of(const migration_step& step, std::int64_t bytes) {
    const auto size = static_cast<double>(bytes);
    switch (step.what) {
    case migration_step::kind::batch: return shortest_step + size / copied_bytes_per_second;
    case migration_step::kind::outside: return shortest_step + size / indexed_bytes_per_second;
    case migration_step::kind::transaction: break;
    }
    return shortest_step;
}

std::vector<table_lock> tables_of(const migration_step& step) {
    auto all = locks_of(step.sql);
    if (step.what == migration_step::kind::batch) all.push_back({source_of(step.sql), table_lock::kind::none});
    if (all.empty()) all.push_back({});
    return all;
}

planned_step plan_on(connection& link, const migration_step& step, const table_lock& lock) {
    planned_step out;
    out.what = effect_of(step, lock.what);
    const auto bytes = lock.table.empty() ? -1 : link.query(read_size, {lock.table}).integer(0, 0);
    if (bytes >= 0) {
        out.table = lock.table;
        out.bytes = bytes;
        if (lock.what != table_lock::kind::none) {
            out.blockers = describe_sessions(link.query(read_holders, {lock.table, array_literal(modes_against(lock.what))}));
        }
    } else {
        out.what = effect::none; // a table that an earlier step creates, which nobody uses yet
    }
    if (step.what == migration_step::kind::outside) out.blockers = describe_sessions(link.query(read_old_transactions, {}));
    out.seconds = seconds_of(step, out.bytes);
    return out;
}

bool is_pending(const schema_state& state, int version) {
    return std::any_of(state.pending.begin(), state.pending.end(), [&](const migration_info& one) { return one.version == version; });
}

void add_steps(connection& link, const embedded_migration& one, migration_plan& plan) {
    const auto steps = read_migration(one.sql).steps;
    const auto finished = finished_steps(link, one);
    for (int number = 1; number <= static_cast<int>(steps.size()); ++number) {
        if (finished.contains(number)) continue;
        const auto& step = steps[static_cast<std::size_t>(number) - 1];
        for (const auto& lock : tables_of(step)) {
            auto planned = plan_on(link, step, lock);
            planned.migration = info_of(one);
            planned.number = number;
            planned.count = static_cast<int>(steps.size());
            plan.steps.push_back(std::move(planned));
        }
    }
}

void add_missing_rights(connection& link, migration_plan& plan) {
    const auto schema = link.query(read_schema_rights, {});
    const auto name = std::string(schema.text(0, 0));
    const auto account = std::string(schema.text(0, 1));
    if (name.empty()) {
        plan.missing_rights.push_back(
            fmt::format("The search path ({}) leads to no schema that the account {} may use: create the schema, or grant usage on it.",
                        schema.text(0, 3), account));
        return;
    }
    if (!schema.boolean(0, 2)) {
        plan.missing_rights.push_back(
            fmt::format("The account {0} lacks the right CREATE on schema {1}: run `grant create on schema {1} to {0}`.", account, name));
    }
    std::set<std::string> tables;
    for (const auto& step : plan.steps) {
        if (!step.table.empty()) tables.insert(step.table);
    }
    const auto foreign = link.query(read_foreign_tables, {array_literal({tables.begin(), tables.end()})});
    for (std::size_t row = 0; row < foreign.size(); ++row) {
        plan.missing_rights.push_back(fmt::format(
            "The {0} {1} belongs to {2}, but {3} is not a member of {2}: migrate with the account {2}, or run `grant {2} to {3}`.",
            foreign.text(row, 0), foreign.text(row, 1), foreign.text(row, 2), account));
    }
}

void add_obstacles(connection& link, migration_plan& plan) {
    const auto misplaced = link.query(read_misplaced, {});
    for (std::size_t row = 0; row < misplaced.size(); ++row) {
        plan.obstacles.push_back(fmt::format(
            "All tables must be in one schema, but the search path ({3}) leads to schema {1} for {0}, and to schema {2} for the tables of"
            " CTMS: set the search path of the account so that it leads to one schema for both.",
            misplaced.text(row, 0), misplaced.text(row, 1), misplaced.text(row, 2), misplaced.text(row, 3)));
    }
}

void add_warnings(connection& link, migration_plan& plan) {
    const auto schema = std::string(link.query(read_schema_rights, {}).text(0, 0));
    const auto creators = link.query(read_creators, {});
    for (std::size_t row = 0; row < creators.size(); ++row) {
        plan.warnings.push_back(fmt::format(
            "{1} can create objects in schema {0}, and so plant functions that run with the rights of the owner"
            " of the tables: run `revoke create on schema {0} from {2}`.",
            schema, creators.text(row, 0) == "public" ? std::string("Every role") : fmt::format("The role {}", creators.text(row, 0)),
            creators.text(row, 0)));
    }
    const auto elsewhere = link.query(read_other_schemas, {});
    for (std::size_t row = 0; row < elsewhere.size(); ++row) {
        plan.warnings.push_back(
            fmt::format("Schema {} has tables of the same names, which this program does not use, because the search path"
                        " leads to schema {}: {}.",
                        elsewhere.text(row, 0), schema.empty() ? "none" : schema, elsewhere.text(row, 1)));
    }
}

} // namespace

migration_plan plan_for(connection& link, schema_state state) {
    migration_plan plan;
    plan.state = std::move(state);
    if (plan.state.what == schema_state::kind::ahead || plan.state.what == schema_state::kind::foreign) return plan;
    for (const auto& one : embedded_migrations()) {
        if (is_pending(plan.state, one.version)) add_steps(link, one, plan);
    }
    if (!plan.steps.empty()) {
        add_missing_rights(link, plan);
        add_obstacles(link, plan);
    }
    add_warnings(link, plan);
    return plan;
}

} // namespace ctms::persistence
