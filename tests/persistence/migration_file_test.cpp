// SPDX-License-Identifier: MPL-2.0
// Reading migration files: steps, and the locks that they take.
#include <persistence/migrations/migration_file.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using namespace ctms::persistence;
using kind = migration_step::kind;
using lock = table_lock::kind;

TEST_CASE("a file without directives is one step in a transaction") {
    const std::string sql = "-- A comment\ncreate table a (id integer);\ncreate table b (id integer);\n";
    const auto file = read_migration(sql);
    REQUIRE(file.steps.size() == 1);
    CHECK(file.steps[0].what == kind::transaction);
    CHECK(file.steps[0].sql == sql);
    CHECK(file.older_sha256s.empty());
}

TEST_CASE("a migration says which programs its schema still serves") {
    CHECK(read_migration("create table a (id integer);\n").oldest_program == std::nullopt);
    const auto file = read_migration("-- ctms: serves 14\ncreate table a (id integer);\n");
    CHECK(file.oldest_program == 14);
    CHECK(file.steps.size() == 1);
    for (const std::string wrong : {"", "x", "0", "14 15", "-1"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS((void)read_migration("-- ctms: serves " + wrong + "\nselect 1;\n"), std::logic_error);
    }
}

TEST_CASE("directives begin steps") {
    const std::string sql = "-- ctms: replaces cafe\n-- ctms: replaces beef\ncreate table a (id integer);\n"
                            "-- ctms: step\ncreate trigger t after insert on emails execute function f();\n"
                            "-- ctms: batch\ninsert into a select 1;\n"
                            "-- ctms: outside a transaction\n-- Why.\ncreate index concurrently i on a (id);\ndrop index concurrently j;\n";
    const auto file = read_migration(sql);
    CHECK(file.older_sha256s == std::vector<std::string_view>{"cafe", "beef"});
    REQUIRE(file.steps.size() == 4);
    CHECK(file.steps[0].what == kind::transaction);
    CHECK(file.steps[1].what == kind::transaction);
    CHECK(file.steps[1].sql.find("create trigger t") != std::string_view::npos);
    CHECK(file.steps[2].what == kind::batch);
    CHECK(file.steps[3].what == kind::outside);
    CHECK(lines_of(file.steps[3].sql) ==
          std::vector<std::string_view>{"create index concurrently i on a (id);", "drop index concurrently j;"});
    CHECK_THROWS_AS((void)read_migration("-- ctms: stepp\nselect 1;\n"), std::logic_error);
}

TEST_CASE("locks are found in the statements that take them") {
    using all = std::vector<table_lock>;
    CHECK(locks_of("create or replace trigger t after insert or delete on only emails for each row execute function f();") ==
          all{{"emails", lock::writers}});
    CHECK(locks_of("create unique index if not exists i on emails (email_id)") == all{{"emails", lock::writers}});
    CHECK(locks_of("create index concurrently i on Emails (email_id)") == all{{"emails", lock::none}});
    CHECK(locks_of("alter table if exists only emails add column a text; create index i on emails (a);") ==
          all{{"emails", lock::everything}});
    CHECK(locks_of("drop trigger if exists t on emails") == all{{"emails", lock::everything}});
    CHECK(locks_of("create table mine (id integer); create index i on mine (id); alter table mine add column b text").empty());
    CHECK(locks_of("-- alter table emails\nselect 'alter table emails';"
                   "create function f() returns trigger language plpgsql as $$ begin alter table emails; end $$;"
                   "insert into a select 1 from emails on conflict do nothing")
              .empty());
    CHECK(source_of("with part as (select id from pending_acoustic where id > 1) insert into a select id from part") == "pending_acoustic");
    CHECK(source_of("insert into a values (1)").empty());
}
