// SPDX-License-Identifier: MPL-2.0
// Prints scripts for pgbench with the very statements of the library: `bench-statements read|email|patch`.
// The contact is that of a random number, with its id and address as in support/contacts.py.
#include <persistence/contact_rows.hpp>
#include <persistence/contact_write.hpp>
#include <persistence/identity_sql.hpp>

#include <ctms/persistence/contacts.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace ctms;

constexpr const char* set_number = "\\set n random(1, :contacts)\n\\set h (:n * 2654435761) % 4294967296\n";
constexpr const char* id = "(lpad(to_hex(:h::bigint), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))";
constexpr const char* address = "'contact-' || :n::text || '@example.com'";

std::string quoted(const persistence::parameter& value) {
    if (!value) return "null";
    std::string out = "'";
    for (const char c : *value) {
        out += c == '\'' ? std::string("''") : std::string(1, c);
        if (c == ':') out += ' '; // pgbench takes a name behind a colon for a variable, in literals too
    }
    return out += '\'';
}

/// Puts values in the place of $1, $2, ...; from the last, so that $1 does not match in $10.
std::string with_values(std::string sql, const std::vector<std::string>& values) {
    for (auto i = values.size(); i > 0; --i) {
        const auto name = fmt::format("${}", i);
        for (auto at = sql.find(name); at != std::string::npos; at = sql.find(name, at + values[i - 1].size()))
            sql.replace(at, name.size(), values[i - 1]);
    }
    return sql;
}

std::string on_one_line(std::string sql) {
    for (auto& c : sql) c = c == '\n' ? ' ' : c;
    return sql + ";\n";
}

std::string read_script() { return set_number + on_one_line(with_values(persistence::contact_by_id_sql(), {id})); }

std::string email_script() {
    model::identity_query query;
    query.primary_email = "x";
    const auto sql = persistence::contacts_sql(persistence::ids_lookup(query).sql);
    return set_number + on_one_line(with_values(sql, {fmt::format("({})", address)}));
}

/// What PATCH of one newsletter does: read the contact with its version, write the difference.
std::string patch_script() {
    model::contact before;
    before.email.primary_email = "x";
    auto change = persistence::contact_change{before};
    model::newsletter newsletter;
    newsletter.name = "hubs";
    newsletter.lang = "fr";
    change.after.newsletters.push_back(newsletter);
    std::vector<std::string> values;
    for (const auto& value : persistence::update_contact_parameters(before, "version", change)) values.push_back(quoted(value));
    values[0] = id;
    values[1] = address;
    const auto version = fmt::format("(select xmin::text from emails where email_id = {}::uuid)", id);
    for (auto& value : values) value = value == "'version'" ? version : value;
    return set_number + on_one_line(with_values(persistence::contact_for_change_sql(), {id})) +
           on_one_line(with_values(persistence::update_contact_statement().sql, values));
}

struct script {
    std::string_view name;
    std::string (*print)();
};
constexpr script scripts[] = {{"read", read_script}, {"email", email_script}, {"patch", patch_script}};

} // namespace

int main(int argc, char** argv) {
    for (const auto& one : scripts) {
        if (argc != 2 || one.name != argv[1]) continue;
        fmt::print("{}", one.print());
        return 0;
    }
    fmt::print(stderr, "Usage: bench-statements read|email|patch\n");
    return 64;
}
