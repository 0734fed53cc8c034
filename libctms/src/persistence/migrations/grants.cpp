// SPDX-License-Identifier: MPL-2.0
#include "rights.hpp"

#include <ctms/persistence/grants.hpp>

#include <persistence/postgres/connection.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/format.h>

#include <stdexcept>
#include <string_view>

namespace ctms::persistence {

namespace {

const statement read_schema{"grants_schema", "select quote_ident(current_schema()), quote_ident(current_user)"};
const statement find_role{"grants_role", "select quote_ident(rolname) from pg_roles where rolname = $1"};
const statement has_right{"grants_has", "select case when $2 = 'USAGE' then has_sequence_privilege(to_regclass($1)::oid, $2)"
                                        " else has_table_privilege(to_regclass($1)::oid, $2) end"};

std::string_view name_of(char right) {
    switch (right) {
    case 's': return "SELECT";
    case 'i': return "INSERT";
    case 'u': return "UPDATE";
    case 'd': return "DELETE";
    case 'g': return "USAGE";
    default: throw std::logic_error("an unknown right");
    }
}

std::string_view rights_of(const needed_rights& one, program_account program) { return one.of.at(static_cast<std::size_t>(program)); }

std::string_view option_of(program_account program) { return program_names.at(static_cast<std::size_t>(program)); }

std::vector<std::string_view> names_of(std::string_view rights) {
    std::vector<std::string_view> all;
    for (const char right : rights) all.push_back(name_of(right));
    return all;
}

void add_statements(std::vector<std::string>& all, std::string_view schema, program_account program, std::string_view role) {
    all.push_back(fmt::format("grant usage on schema {} to {}", schema, role));
    for (const auto& one : all_rights) {
        const auto rights = rights_of(one, program);
        if (rights.empty()) continue;
        all.push_back(fmt::format("grant {} on {} {}.{} to {}", fmt::join(names_of(rights), ", "), rights == "g" ? "sequence" : "table",
                                  schema, one.object, role));
    }
    if (program != program_account::web) return;
    // For the end of /updates. Only a superuser, or an administrator of that role, can grant it, and ctms-web works without it.
    all.push_back(fmt::format("do $grant$ begin grant pg_read_all_stats to {0}; exception when insufficient_privilege then"
                              " raise warning 'ask a superuser to run: grant pg_read_all_stats to %', $role${0}$role$; end $grant$",
                              role));
}

std::vector<std::string> missing(connection& link, program_account program) {
    std::vector<std::string> all;
    for (const auto& one : all_rights) {
        std::vector<std::string_view> names;
        for (const auto name : names_of(rights_of(one, program))) {
            const auto found = link.query(has_right, {std::string(one.object), std::string(name)});
            if (!found.boolean(0, 0)) names.push_back(name);
        }
        if (!names.empty()) all.push_back(fmt::format("{} on {}", fmt::join(names, ", "), one.object));
    }
    return all;
}

} // namespace

result<std::vector<std::string>> grant_statements(const database_options& options, const std::vector<account_role>& roles) {
    try {
        connection link(options);
        const auto schema = std::string(link.query(read_schema, {}).text(0, 0));
        std::vector<std::string> all;
        for (const auto& one : roles) {
            const auto found = link.query(find_role, {one.role});
            if (found.empty()) return invalid(fmt::format("The database server has no role `{}`: create it first.", one.role));
            add_statements(all, schema, one.program, found.text(0, 0));
        }
        return all;
    } catch (const sql_error& failure) {
        return to_error(failure, metrics::null_recorder());
    }
}

result<void> apply_grants(const database_options& options, const std::vector<std::string>& statements) {
    try {
        connection link(options);
        link.begin();
        // The server only warns about a right that the account may not grant, and grants what it can.
        std::string ours;
        for (const auto& one : all_rights) ours += fmt::format("{}'{}'", ours.empty() ? "" : ", ", one.object);
        link.execute(fmt::format(
            "do $$ begin if exists (select from pg_class where relnamespace = quote_ident(current_schema())::regnamespace"
            " and relname in ({}) and not pg_has_role(relowner, 'usage')) then"
            " raise insufficient_privilege using message = 'only the owner of the tables can grant rights on them'; end if; end $$",
            ours));
        for (const auto& one : statements) link.execute(one);
        link.commit();
        return {};
    } catch (const sql_error& failure) {
        return to_error(failure, metrics::null_recorder());
    }
}

result<void> check_rights(const database_options& options, program_account program) {
    try {
        connection link(options);
        const auto lacking = missing(link, program);
        if (lacking.empty()) return {};
        return misconfigured(
            fmt::format("The database account {0} lacks rights that ctms-{1} needs: {2}. `ctms-admin db grants --{1} {0}` prints"
                        " the statements that grant them.",
                        link.query(read_schema, {}).text(0, 1), option_of(program), fmt::join(lacking, "; ")));
    } catch (const sql_error& failure) {
        return to_error(failure, metrics::null_recorder());
    }
}

} // namespace ctms::persistence
