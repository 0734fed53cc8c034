// SPDX-License-Identifier: MPL-2.0
// Prints pgbench scripts with the library's own statements: `bench-statements read|email|patch`.
// Each statement uses a random contact number, with its id and address as in support/contacts.py.
#include <persistence/contacts/contact_rows.hpp>
#include <persistence/contacts/contact_write.hpp>
#include <persistence/contacts/identity_sql.hpp>

#include <persistence/contacts/contact_repository.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace ctms;

constexpr const char* set_number = "\\set n random(1, :contacts)\n\\set h (:n * 2654435761) % 4294967296\n";
constexpr const char* id_pattern = "(lpad(to_hex(({})::bigint), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(({})::bigint), 12, '0'))";
const std::string id = fmt::format(id_pattern, ":h", ":n");
constexpr const char* lock_timeout = "'5000ms'"; // as ctms-web sets it
constexpr const char* address = "('contact-' || :n::text || '@example.com')";

/// Replaces $1, $2, ... with values. Starts with the last one, so that $1 does not match in $10. Ends the program if a parameter
/// is left.
std::string with_values(std::string sql, const std::vector<std::string>& values) {
    for (auto i = values.size(); i > 0; --i) {
        const auto name = fmt::format("${}", i);
        for (auto at = sql.find(name); at != std::string::npos; at = sql.find(name, at + values[i - 1].size()))
            sql.replace(at, name.size(), values[i - 1]);
    }
    if (const auto left = sql.find('$'); left != std::string::npos) {
        fmt::print(stderr, "bench-statements: no value is known for the parameter in: {}\n", sql.substr(left > 40 ? left - 40 : 0, 80));
        std::exit(70);
    }
    return sql;
}

/// Turns a parameter that is the same for all contacts into a pgbench variable. With a literal, PostgreSQL would plan for that value
/// and skip what this contact does not need. A comment tells the value to whoever starts pgbench.
std::string as_variable(const persistence::parameter& value, std::string& variables) {
    if (!value) return "null";
    const auto number = std::count(variables.begin(), variables.end(), '\n');
    variables += fmt::format("-- p{}={}\n", number, *value);
    return fmt::format(":p{}", number);
}

std::string on_one_line(std::string sql) {
    for (auto& c : sql) c = c == '\n' ? ' ' : c;
    return sql + ";\n";
}

/// A statement that reads contacts from their six tables, without the version of the document, which only writes need.
std::string reading(std::string sql) {
    constexpr auto part = persistence::seen_document_sql;
    return sql.replace(sql.find(part), part.size(), "null");
}

std::string read_script() { return set_number + on_one_line(with_values(reading(persistence::contact_by_id_sql()), {id})); }

std::string email_script() {
    model::identity_query query;
    query.primary_email = "x";
    const auto sql = reading(persistence::contacts_sql(persistence::ids_lookup(query).sql));
    return set_number + on_one_line(with_values(sql, {address}));
}

/// A contact as imported, with marks for the values that depend on its number.
model::contact marked_contact() {
    model::contact out;
    out.email.primary_email = "@address";
    out.email.basket_token = "@token";
    out.email.sfdc_id = "sf";
    out.email.first_name = "First";
    out.email.last_name = "Last";
    out.email.mailing_country = "de";
    out.email.email_lang = "de";
    out.email.double_opt_in = true;
    return out;
}

/// An SQL expression for a text in which each mark is replaced by the expression it stands for.
std::string without_marks(std::string_view text, const std::map<std::string, std::string, std::less<>>& marks, std::string& variables) {
    std::string out;
    while (!text.empty()) {
        auto first = std::pair{text.size(), marks.end()};
        for (auto mark = marks.begin(); mark != marks.end(); ++mark) {
            if (const auto at = text.find(mark->first); at < first.first) first = {at, mark};
        }
        out += (out.empty() ? "" : " || ") + as_variable(std::string(text.substr(0, first.first)), variables);
        if (first.second == marks.end()) break;
        out += " || " + first.second->second;
        text.remove_prefix(first.first + first.second->first.size());
    }
    return out;
}

/// The statements of a PATCH of one newsletter: read the contact with its version, write the difference.
std::string patch_script() {
    const persistence::stored_contact before{marked_contact(), "@version"};
    persistence::contact_change change{before.contact};
    model::newsletter newsletter;
    newsletter.name = "hubs";
    newsletter.lang = "fr";
    newsletter.source = "https://www.mozilla.org/de/newsletter/";
    change.after.newsletters.push_back(newsletter);
    const std::map<std::string, std::string, std::less<>> marks{
        {before.contact.email.email_id.to_string(), id},
        {"@address", address},
        {"@token", fmt::format(id_pattern, "((:n + 1000000000) * 2654435761) % 4294967296", ":n + 1000000000")},
        {"@version", fmt::format("(select xmin::text from emails where email_id = {}::uuid)", id)}};
    const persistence::contact_write one{&before, &change};
    std::string variables;
    const auto records = persistence::records_of({&one, 1}, false);
    const auto& write = persistence::write_contacts_statement(persistence::write_kind::update, records.tables, false);
    const auto record = without_marks(records.json, marks, variables);
    const auto document = without_marks(records.documents, marks, variables);
    return variables + set_number + on_one_line(with_values(persistence::contact_by_id_sql(), {id})) +
           on_one_line(with_values(write.sql, {fmt::format("({})", record), lock_timeout, fmt::format("({})", document)}));
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
