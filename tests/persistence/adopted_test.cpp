// SPDX-License-Identifier: MPL-2.0
// Databases of the Python service that several versions of PostgreSQL made. adopted/README.md says which of them are real.
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

namespace {

// The statements of a dump. psql runs the lines that begin with a backslash itself.
std::string statements_of(const char* file) {
    std::ifstream in(file);
    REQUIRE(in.good());
    std::string all;
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with('\\')) all += line + '\n';
    }
    return all;
}

std::vector<std::string> lines_of(connection& link, const std::string& sql) {
    const auto found = link.execute(sql);
    std::vector<std::string> all;
    for (std::size_t row = 0; row < found.size(); ++row) all.emplace_back(found.text(row, 0));
    return all;
}

// All tables, columns, constraints, indexes, triggers and functions, one per line.
std::vector<std::string> schema_of(connection& link) {
    return lines_of(link, R"sql(
        select line from (
            select concat_ws(' ', a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                             a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)) as line
            from pg_attribute a join pg_class c on c.oid = a.attrelid
                left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'S') and a.attnum > 0 and not a.attisdropped
            union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
            from pg_constraint where connamespace = 'public'::regnamespace
            union all select indexdef from pg_indexes where schemaname = 'public'
            union all select pg_get_triggerdef(oid) || ' ' || tgenabled::text from pg_trigger where not tgisinternal
            union all select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
            union all select pg_get_serial_sequence(quote_ident(table_name), column_name) from information_schema.columns
            where table_schema = 'public' and column_default like 'nextval%'
        ) as everything order by line collate "C")sql");
}

} // namespace

TEST_CASE("a database that any version of PostgreSQL from 13 to 17 made is adopted") {
    test_database db(test_database::content::empty);
    std::string before = "select 1";
    // Until version 14, everybody could create tables, which stays so when the cluster is upgraded.
    SUBCASE("13") { before = "alter schema public owner to current_user; grant create on schema public to public"; }
    SUBCASE("14") { before = "alter schema public owner to current_user; grant create on schema public to public"; }
    SUBCASE("15") {}
    SUBCASE("16") {}
    SUBCASE("17") {
        connection link(db.options());
        if (link.execute("select current_setting('server_version_num')::integer").integer(0, 0) >= 170000)
            before = "set transaction_timeout = 0";
    }
    {
        connection link(db.options());
        link.execute(before);
        link.execute(statements_of(CTMS_ADOPTED_DUMP));
    }
    REQUIRE(inspect_schema(db.options()).value().what == schema_state::kind::adoptable);
    REQUIRE(migrate(db.options()).has_value());
    CHECK(inspect_schema(db.options()).value().what == schema_state::kind::current);

    connection link(db.options());
    test_database made_here;
    connection other(made_here.options());
    const auto adopted = schema_of(link);
    CHECK(adopted.size() > 200);
    CHECK(adopted == schema_of(other));
    CHECK(lines_of(link, "select concat_ws('|', primary_email, first_name, create_timestamp at time zone 'utc') from emails order by 1") ==
          std::vector<std::string>{"odd@example.com|Odd's \\ name|2019-01-01 00:00:00.5", "plain@example.com|Plain|2019-01-01 00:00:00"});
    CHECK(lines_of(link, "select concat_ws('|', right(email_id::text, 1), operation, state, first_requested_at at time zone 'utc')"
                         " from ctms_sync_queue") == std::vector<std::string>{"1|upsert|pending|2020-01-01 00:00:00"});
    CHECK(lines_of(link, "insert into newsletters (email_id, name, update_timestamp) select email_id, 'new', now() from emails"
                         " where primary_email = 'plain@example.com' returning id") == std::vector<std::string>{"2"});
}
