// SPDX-License-Identifier: MPL-2.0
// Prints scripts for pgbench with the very statements of the library: `bench-statements read|patch`.
// The contact is that of a random number, whose id is computed as fill.sql does.
#include <persistence/contact_rows.hpp>
#include <persistence/contact_write.hpp>

#include <ctms/persistence/contacts.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace {

using namespace ctms;

constexpr const char* set_number = "\\set n random(1, :contacts)\n\\set h (:n * 2654435761) % 4294967296\n";
constexpr const char* id = "(lpad(to_hex(:h::bigint), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))";

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

/// What PATCH of one newsletter does: read the contact with its version, write the difference.
std::string patch_script() {
    persistence::stored_contact before{{}, "version"};
    before.contact.email.primary_email = "address";
    persistence::contact_change change{before.contact};
    model::newsletter newsletter;
    newsletter.name = "hubs";
    newsletter.lang = "fr";
    change.after.newsletters.push_back(newsletter);
    const persistence::contact_write one{&before, &change};
    auto record = quoted(persistence::contacts_parameter({&one, 1}));
    // What depends on the number and on the row goes in between the text of the record.
    const auto put = [&](std::string_view placeholder, const std::string& sql) {
        const auto at = record.find(placeholder);
        record.replace(at, placeholder.size(), fmt::format("' || {} || '", sql));
    };
    put(before.contact.email.email_id.to_string(), id);
    put("address", "'contact-' || :n::text || '@example.com'");
    put("\"version\": \"version\"",
        fmt::format("'\"version\": \"' || (select xmin::text from emails where email_id = {}::uuid) || '\"'", id));
    return set_number + on_one_line(with_values(persistence::contact_by_id_sql(), {id})) +
           on_one_line(with_values(persistence::update_contacts_statement().sql, {fmt::format("({})", record)}));
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc == 2 ? argv[1] : "";
    if (what != "read" && what != "patch") return fmt::print(stderr, "Usage: bench-statements read|patch\n"), 64;
    fmt::print("{}", what == "read" ? read_script() : patch_script());
    return 0;
}
