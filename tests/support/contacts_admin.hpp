// SPDX-License-Identifier: MPL-2.0
// Runs ctms-admin with its own files and database, for tests of contacts. For one thread.
#pragma once

#include <cli/run_admin.hpp>
#include <support/files.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <string>
#include <vector>

namespace ctms::test {

class contacts_admin {
public:
    /// Writes a file and returns its path.
    std::string file(const std::string& name, const std::string& text) {
        put(path(name), text);
        return path(name);
    }
    [[nodiscard]] std::string path(const std::string& name) const { return (files_.path() / name).string(); }
    [[nodiscard]] std::string content(const std::string& name) const { return test::content(path(name)); }

    outcome operator()(const std::vector<std::string>& arguments) { return run_admin(arguments, {"CTMS_DB_URL=" + url()}); }

    /// Returns all rows of a query, separated by commas.
    std::string select(const std::string& query) {
        const auto found = link_.execute("select string_agg(row, ',') from (" + query + ") as r(row)");
        return std::string(found.text(0, 0));
    }
    void execute(const std::string& sql) { link_.execute(sql); }
    std::string count(const std::string& table) { return select("select count(*)::text from " + table); }

    /// Returns a digest of each table that covers every field of every contact except the row numbers.
    std::string everything() {
        std::string out;
        for (const std::string table : {"emails", "amo", "fxa", "mofo", "newsletters", "waitlists"}) {
            const auto row =
                select("select string_agg('t.' || quote_ident(attname) || case when atttypid = 'json'::regtype then '::text' else '' end,"
                       " ', ' order by attname) from pg_attribute where attrelid = '" +
                       table + "'::regclass and attnum > 0 and not attisdropped and attname <> 'id'");
            out += table + " " +
                   select("select concat(count(*), ' ', md5(string_agg(r, '|' order by r))) from (select row(" + row + ")::text from " +
                          table + " t) as l(r)") +
                   "\n";
        }
        return out;
    }

    [[nodiscard]] persistence::database_options options() const { return database_.options(); }
    [[nodiscard]] std::string url() const { return database_.url(persistence::program_account::admin); }

private:
    test_database database_;
    temporary_directory files_;
    persistence::connection link_{database_.options()};
};

/// Returns the id of contact `number`.
inline std::string contact_id(int number) {
    const auto digits = std::to_string(number);
    return "00000000-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

} // namespace ctms::test
