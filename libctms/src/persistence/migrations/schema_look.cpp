// SPDX-License-Identifier: MPL-2.0
#include "schema_look.hpp"

#include "embedded_migrations.hpp"
#include "migration_file.hpp"
#include "rights.hpp"

#include <ctms/base/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace ctms::persistence {

namespace {

constexpr std::string_view reference_revision = "4f6c48142631";

const statement look_for_tables{"schema_tables", fmt::format("select to_regclass('ctms_migrations') is not null,"
                                                             " to_regclass('alembic_version') is not null,"
                                                             " array_to_string(array(select name from unnest({}) name"
                                                             " where to_regclass(name) is not null), ', ')",
                                                             telling_tables())};
// A schema that the account may not use looks as if it were empty.
const statement look_for_closed_schemas{
    "schema_closed", "select coalesce(string_agg(quote_ident(nspname), ', '), '') from pg_namespace"
                     " where not has_schema_privilege(oid, 'usage') and nspname = any(array(select trim(both ' \"' from one)"
                     " from unnest(string_to_array(current_setting('search_path'), ',')) one))"};
const statement read_revision{"schema_revision", "select coalesce(string_agg(version_num, ', '), '') from alembic_version"};
// The column for the oldest program is missing in a database that no release with the column has migrated.
const statement read_applied{"schema_applied", "select version, sha256, to_jsonb(m) ->> 'oldest_program' from ctms_migrations m"
                                               " order by version"};
const statement has_steps{"schema_has_steps", "select to_regclass('ctms_migration_steps') is not null"};
const statement read_steps{"schema_steps", "select step, sha256 from ctms_migration_steps where version = $1::integer"};

bool is_older_text(const migration_info& one, const std::string& sha256) {
    const auto& all = embedded_migrations();
    const auto source = std::find_if(all.begin(), all.end(), [&](const auto& it) { return it.version == one.version; });
    const auto older = read_migration(source->sql).older_sha256s;
    return std::find(older.begin(), older.end(), sha256) != older.end();
}

schema_state state(schema_state::kind what, std::string explanation) { return {what, {}, std::move(explanation)}; }

schema_state foreign_revision(std::string_view revision) {
    return state(schema_state::kind::foreign, fmt::format("The database is at revision '{}' of the Python service; only {} can be adopted.",
                                                          revision, reference_revision));
}

/// A migration that a database has.
struct applied_migration {
    std::string sha256;
    std::optional<int> oldest_program; ///< as in migration_file
};
using applied_migrations = std::map<std::int64_t, applied_migration>;

std::vector<migration_info> missing_from(const applied_migrations& applied) {
    std::vector<migration_info> missing;
    for (const auto& one : known_migrations()) {
        if (!applied.contains(one.version)) missing.push_back(one);
    }
    return missing;
}

// The state of a database that has a record of its migrations.
schema_state compare(const applied_migrations& applied) {
    const auto newest_known = known_migrations().back().version;
    const auto newest_applied = applied.rbegin()->first;
    auto missing = missing_from(applied);
    const bool serves = missing.empty() && std::all_of(applied.upper_bound(newest_known), applied.end(), [&](const auto& one) {
                            return one.second.oldest_program && *one.second.oldest_program <= newest_known;
                        });
    if (newest_applied > newest_known && !serves) {
        return state(schema_state::kind::ahead,
                     fmt::format("The database schema is at version {}, which does not serve this program (it knows versions up to {}):"
                                 " install a newer release.",
                                 newest_applied, newest_known));
    }
    for (const auto& one : known_migrations()) {
        const auto found = applied.find(one.version);
        if (found != applied.end() && found->second.sha256 != one.sha256 && !is_older_text(one, found->second.sha256)) {
            return state(schema_state::kind::foreign,
                         fmt::format("Migration {} ({}) was applied to the database with other content than this"
                                     " program has.",
                                     one.version, one.name));
        }
    }
    schema_state found{schema_state::kind::current, std::move(missing), "The database schema is up to date."};
    if (newest_applied > newest_known) {
        found.explanation =
            fmt::format("The database schema is at version {}, which is newer than this program (it knows versions up to {})"
                        " and serves it.",
                        newest_applied, newest_known);
    }
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
        return {schema_state::kind::adoptable, missing_from({{1, {}}}),
                "The database was created by the Python service; run `ctms-admin migrate` to adopt it."};
    }
    if (!tables.empty()) {
        return state(schema_state::kind::foreign,
                     fmt::format("The database contains tables of the same names, but no record of who created them: {}.", tables));
    }
    return {schema_state::kind::empty, known_migrations(), "The database is empty; run `ctms-admin migrate`."};
}

} // namespace

std::string telling_tables() {
    std::vector<std::string_view> names{"ctms_sync_queue"};
    for (const auto& one : all_rights) {
        const bool is_other = one.object.starts_with("ctms_") || one.object.ends_with("_id_seq") || one.object == "alembic_version";
        if (!is_other) names.push_back(one.object);
    }
    std::sort(names.begin(), names.end());
    return fmt::format("array['{}']", fmt::join(names, "', '"));
}

migration_info info_of(const embedded_migration& one) { return {one.version, one.name, one.sha256}; }

schema_state inspect(connection& link) {
    const auto tables = link.query(look_for_tables, {});
    const bool has_revision = tables.boolean(0, 1);
    if (has_revision) {
        const auto revision = link.query(read_revision, {});
        if (revision.text(0, 0) != reference_revision) return foreign_revision(revision.text(0, 0));
    }
    applied_migrations applied;
    if (tables.boolean(0, 0)) {
        const auto found = link.query(read_applied, {});
        for (std::size_t row = 0; row < found.size(); ++row) {
            applied_migration one{std::string(found.text(row, 1)), std::nullopt};
            if (!found.is_null(row, 2)) one.oldest_program = static_cast<int>(found.integer(row, 2));
            applied.emplace(found.integer(row, 0), std::move(one));
        }
    }
    if (!applied.empty()) return compare(applied);
    const auto closed = link.query(look_for_closed_schemas, {});
    if (tables.text(0, 2).empty() && !has_revision && !closed.text(0, 0).empty()) {
        throw sql_error(sql_error::kind::forbidden, "42501", "", fmt::format("permission denied for schema {}", closed.text(0, 0)));
    }
    return first_look(has_revision, tables.text(0, 2));
}

std::set<int> finished_steps(connection& link, const embedded_migration& one) {
    std::set<int> all;
    if (!link.query(has_steps, {}).boolean(0, 0)) return all;
    const auto found = link.query(read_steps, {std::to_string(one.version)});
    for (std::size_t row = 0; row < found.size(); ++row) {
        if (found.text(row, 1) != one.sha256) {
            throw other_content(fmt::format("Migration {} ({}) was begun by a release with other content: finish it with that release.",
                                            one.version, one.name));
        }
        all.insert(static_cast<int>(found.integer(row, 0)));
    }
    return all;
}

} // namespace ctms::persistence
