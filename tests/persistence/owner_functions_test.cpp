// SPDX-License-Identifier: MPL-2.0
// Functions that run with the rights of the schema's owner give other roles no rights beyond their purpose.
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms::persistence;
using ctms::test::test_database;

namespace {

const std::string id = "00000000-0000-4000-8000-000000000001";

std::vector<std::string> names(connection& link, const std::string& sql) {
    const auto found = link.execute(sql);
    std::vector<std::string> all;
    for (std::size_t row = 0; row < found.size(); ++row) all.emplace_back(found.text(row, 0));
    return all;
}

/// A test role that `link` uses from then on; it can connect and create temporary tables, like any role.
class other_role {
public:
    other_role(connection& link, const test_database& db, const std::vector<std::string>& rights)
        : link_(link), name_("other_" + db.name()) {
        link_.execute("create role " + name_);
        for (const auto& right : rights) link_.execute("grant " + right + " to " + name_);
        link_.execute("set role " + name_);
    }
    ~other_role() { link_.execute("reset role; drop owned by " + name_ + " cascade; drop role " + name_); }
    other_role(const other_role&) = delete;
    other_role& operator=(const other_role&) = delete;

private:
    connection& link_;
    std::string name_;
};

} // namespace

TEST_CASE("the owner's functions have a fixed search path with temporary tables last, and are not executable by everyone") {
    test_database db;
    connection link(db.options());
    const std::string ours = "select oid::regprocedure::text from pg_proc where prosecdef and proname like 'ctms\\_%'";
    CHECK(names(link, ours).size() == 13);
    // Later migrations inherit what is allowed here: each one has to revoke the right and set the path itself.
    CHECK(names(link, ours + " and (has_function_privilege('public', oid, 'execute') or not exists"
                             " (select from unnest(proconfig) one where one = 'search_path=pg_catalog, pg_temp'))")
              .empty());
    CHECK(names(link, "select oid::regprocedure::text from pg_proc where prosecdef and proname not like 'ctms\\_%'"
                      " and pronamespace <> 'pg_catalog'::regnamespace")
              .empty()); // a function with another kind of name would be missed by the migration that set the path
}

TEST_CASE("a role without rights cannot attach the owner's functions to its own tables") {
    test_database db;
    connection link(db.options());
    const auto triggers = names(link, "select proname from pg_proc where prosecdef and prorettype = 'trigger'::regtype");
    CHECK(triggers.size() == 13);
    const other_role attacker(link, db, {});
    link.execute("create temp table mine (client_id text, hashed_secret text, email_id uuid, primary_email text)");
    for (const auto& function : triggers) {
        CAPTURE(function);
        CHECK_THROWS_AS(
            link.execute("create trigger " + function + " after delete on mine for each row execute function " + function + "()"),
            sql_error);
    }
}

TEST_CASE("temporary tables of a role that writes the Python service's tables do not get the owner's rights") {
    test_database db;
    connection link(db.options());
    link.execute("insert into api_client (client_id, email, hashed_secret) values ('c', 'c@example.com', 'x');"
                 "insert into ctms_client_roles values ('c', 'read')");
    const other_role attacker(
        link, db, {"select, insert, update, delete on api_client, pending_acoustic, emails", "usage on sequence pending_acoustic_id_seq"});
    link.execute("create temp table seen (who text); grant all on seen to public;"
                 "create function pg_temp.look() returns trigger language plpgsql as"
                 " 'begin insert into pg_temp.seen values (current_user); return null; end'");
    for (const std::string table :
         {"ctms_client_revocations (client_id text, hashed_secret text, issued_before timestamptz,"
          " primary key (client_id, hashed_secret))",
          "ctms_client_roles (client_id text)", "ctms_client_old_secrets (client_id text, hashed_secret text, valid_until timestamptz)",
          "ctms_sync_queue (email_id uuid primary key, operation text, primary_email text,"
          " version bigint default 1, retry integer, next_attempt_at timestamptz, state text,"
          " priority smallint, last_error text, last_requested_at timestamptz)",
          "ctms_inbox (id bigint, email_id uuid, what text, primary_email text, written_at timestamptz)"}) {
        const auto name = table.substr(0, table.find(' '));
        link.execute("create temp table " + table + "; grant all on pg_temp." + name +
                     " to public; create trigger look after insert or"
                     " delete on pg_temp." +
                     name + " for each statement execute function pg_temp.look()");
    }
    link.execute("update api_client set hashed_secret = 'y'; delete from api_client;"
                 "insert into emails (email_id, primary_email, update_timestamp) values ('" +
                 id +
                 "', 'one@example.com', now());"
                 "insert into pending_acoustic (email_id, retry, update_timestamp) values ('" +
                 id +
                 "', 0, now());"
                 "delete from pending_acoustic; delete from emails");
    CHECK(names(link, "select who from pg_temp.seen").empty());
    link.execute("reset role");
    // The triggers still did their work.
    CHECK(link.execute("select count(*) from public.ctms_client_roles").integer(0, 0) == 0);
    CHECK(link.execute("select count(*) from public.ctms_client_revocations where client_id = 'c'").integer(0, 0) == 1);
    CHECK(link.execute("select string_agg(what, ',' order by id) from public.ctms_inbox where email_id = '" + id + "'").text(0, 0) ==
          "create,upsert,delete");
}

TEST_CASE("operators and functions that a role planted in the schema do not get the owner's rights") {
    // In whatever schema the tables are, and whether or not another role may create objects there.
    const test_database db(test_database::content::empty);
    connection link(db.options());
    link.execute("create schema theirs; alter database " + db.name() + " set search_path = theirs");
    REQUIRE(migrate(db.options()).has_value());
    connection fresh(db.options());
    fresh.execute("insert into api_client (client_id, email, hashed_secret) values ('c', 'c@example.com', 'x');"
                  "insert into ctms_client_roles values ('c', 'read');"
                  "create table seen (who text); grant all on seen to public");
    const other_role attacker(fresh, db,
                              {"all on schema theirs", "select, insert, update, delete on api_client, pending_acoustic, emails",
                               "usage on sequence pending_acoustic_id_seq"});
    fresh.execute("create function theirs.look() returns boolean language plpgsql as"
                  " 'begin insert into theirs.seen values (current_user); return true; end'");
    // An operator for exactly these types is preferred to those of pg_catalog, which need a conversion.
    for (const std::string left : {"text", "varchar", "uuid"}) {
        for (const std::string right : {"text", "varchar", "uuid"}) {
            fresh.execute("create function theirs.same(" + left + ", " + right +
                          ") returns boolean language sql as 'select theirs.look()';" + "create operator theirs.= (leftarg = " + left +
                          ", rightarg = " + right + ", function = theirs.same)");
        }
    }
    for (const std::string name : {"clock_timestamp", "now"})
        fresh.execute("create function theirs." + name +
                      "() returns timestamptz language sql as $$ select theirs.look(); select '2000-01-01'::timestamptz $$");
    fresh.execute("update api_client set hashed_secret = 'y'; delete from api_client;"
                  "insert into emails (email_id, primary_email, update_timestamp) values ('" +
                  id + "', 'one@example.com', now()); insert into pending_acoustic (email_id, retry, update_timestamp) values ('" + id +
                  "', 0, now()); delete from pending_acoustic; delete from emails");
    CHECK(names(fresh, "select who from theirs.seen where who <> current_user").empty());
    fresh.execute("reset role");
    CHECK(fresh.execute("select count(*) from theirs.ctms_client_roles").integer(0, 0) == 0);
    CHECK(fresh.execute("select count(*) from theirs.ctms_client_revocations").integer(0, 0) == 1);
    CHECK(fresh.execute("select count(*) from theirs.ctms_inbox").integer(0, 0) == 3);
}

TEST_CASE("an owner without further rights can migrate, and other roles can fire its triggers") {
    const test_database db(test_database::content::empty);
    const auto owner = "owner_" + db.name();
    const auto writer = "writer_" + db.name();
    connection link(db.options());
    link.execute("create role " + owner + "; create role " + writer + "; alter database " + db.name() + " owner to " + owner);
    link.execute("alter role current_user in database " + db.name() + " set role = " + owner); // new connections use it
    CHECK(migrate(db.options()).has_value());
    {
        connection as_owner(db.options());
        CHECK(as_owner.execute("select current_user").text(0, 0) == owner);
        as_owner.execute("insert into api_client (client_id, email, hashed_secret) values ('c', 'c@example.com', 'x');"
                         "insert into ctms_client_roles values ('c', 'read'); grant select, delete on api_client to " +
                         writer);
        link.execute("set role " + writer + "; delete from api_client; reset role");
        CHECK(as_owner.execute("select count(*) from ctms_client_roles").integer(0, 0) == 0);
        CHECK(as_owner.execute("select count(*) from ctms_client_revocations").integer(0, 0) == 1);
    }
    link.execute("alter role current_user in database " + db.name() + " reset role; drop owned by " + writer + "; drop role " + writer +
                 "; reassign owned by " + owner + " to current_user; drop role " + owner);
}
