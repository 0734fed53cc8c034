// SPDX-License-Identifier: MPL-2.0
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>

using namespace ctms::persistence;
using namespace std::chrono_literals;
using ctms::test::test_database;
using kind = sql_error::kind;

namespace {

// Returns the failure of `action`, which must fail.
template <class Action>
sql_error failure_of(Action action) {
    try {
        action();
    } catch (const sql_error& failure) {
        return failure;
    }
    FAIL("no sql_error was thrown");
    throw std::logic_error("not reached");
}

const statement echo{"echo", "select $1::text, $2::text"};
const statement insert_pair{"insert_pair", "insert into pairs (id, name) values ($1::integer, $2)"};
const statement end_backend{"end_backend", "select pg_terminate_backend($1::integer, 5000)"};

void make_pairs(connection& link) {
    link.execute("create table pairs (id integer constraint pairs_id primary key, name text not null constraint pairs_name unique)");
}

std::string backend_of(connection& link) { return std::string(link.execute("select pg_backend_pid()").text(0, 0)); }

} // namespace

TEST_CASE("cells are read as text, integer, boolean and null") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    const auto found = link.query({"cells", "select 'å', 42, -7::bigint, true, null, '' union all select 'b', 1, 2, false, 'c', 'd'"}, {});
    REQUIRE(found.size() == 2);
    CHECK(found.text(0, 0) == "å");
    CHECK(found.integer(0, 1) == 42);
    CHECK(found.integer(0, 2) == -7);
    CHECK(found.boolean(0, 3));
    CHECK_FALSE(found.boolean(1, 3));
    CHECK(found.is_null(0, 4));
    CHECK(found.text(0, 4).empty());
    CHECK_FALSE(found.optional_text(0, 4).has_value());
    CHECK_FALSE(found.is_null(0, 5));
    CHECK(found.optional_text(0, 5) == std::optional<std::string>(""));
    CHECK(found.text(1, 5) == "d");
    CHECK_THROWS_AS((void)found.text(2, 0), std::out_of_range);
    CHECK_THROWS_AS((void)found.text(0, 6), std::out_of_range);
    CHECK_THROWS_AS((void)found.integer(0, 0), std::logic_error);
}

TEST_CASE("parameters arrive unchanged, whether statements are prepared or not") {
    test_database db(test_database::content::empty);
    for (const bool prepared : {true, false}) {
        CAPTURE(prepared);
        auto options = db.options();
        options.prepared = prepared;
        connection link(options);
        for (int repeat = 0; repeat < 2; ++repeat) {
            const auto found = link.query(echo, {"it's \\ \"quoted\" {1,2} $1", std::nullopt});
            CHECK(found.text(0, 0) == "it's \\ \"quoted\" {1,2} $1");
            CHECK(found.is_null(0, 1));
        }
    }
}

TEST_CASE("a parameter with a NUL character is refused before anything is sent") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    CHECK_THROWS_AS(link.query(echo, {std::string("a\0b", 3), std::nullopt}), std::logic_error);
    CHECK(link.query(echo, {"a", "b"}).text(0, 1) == "b");
}

TEST_CASE("every session has its time limits and uses UTC") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.statement_timeout = 1234ms;
    options.lock_timeout = 567ms;
    for (const std::string extra : {"", "&options=-c%20work_mem%3D5MB"}) {
        options.url = db.url() + extra;
        connection link(options);
        const auto setting = [&](const std::string& name) { return std::string(link.execute("show " + name).text(0, 0)); };
        CHECK(setting("statement_timeout") == "1234ms");
        CHECK(setting("lock_timeout") == "567ms");
        CHECK(setting("idle_in_transaction_session_timeout") == "1min");
        CHECK(setting("timezone") == "UTC");
        CHECK(setting("jit") == "off");
        CHECK(setting("max_parallel_workers_per_gather") == "0");
        CHECK(setting("plan_cache_mode") == "force_generic_plan");
        CHECK(setting("client_min_messages") == "error");
        CHECK(setting("application_name") == "ctms");
        if (!extra.empty()) CHECK(setting("work_mem") == "5MB");
    }
}

TEST_CASE("without prepared statements no session state is left") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.prepared = false;
    connection link(options);
    link.query(echo, {"a", "b"});
    CHECK(link.execute("select * from pg_prepared_statements").empty());
    CHECK(link.execute("show statement_timeout").text(0, 0) == "0");
}

TEST_CASE("a connection string of keywords and values works too") {
    test_database db(test_database::content::empty);
    const auto host = std::string(connection(db.options()).execute("show unix_socket_directories").text(0, 0));
    auto options = db.options();
    options.url = "host='" + host + "' user=postgres port=5432 dbname=" + db.name();
    connection link(options);
    CHECK(link.execute("select current_database()").text(0, 0) == db.name());
    CHECK(link.execute("show statement_timeout").text(0, 0) == "30s");
}

TEST_CASE("a unique violation names its constraint but no value") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    make_pairs(link);
    CHECK(link.query(insert_pair, {"1", "someone@example.com"}, true).affected() == 1);
    const auto failure = failure_of([&] { link.query(insert_pair, {"2", "someone@example.com"}, true); });
    CHECK(failure.reason() == kind::unique);
    CHECK(failure.constraint() == "pairs_name");
    CHECK(failure.sqlstate() == "23505");
    CHECK(std::string(failure.what()).find("someone@example.com") == std::string::npos);
    CHECK(failure_of([&] { link.query(insert_pair, {"1", "b"}, true); }).constraint() == "pairs_id");
    CHECK(link.usable());
}

TEST_CASE("failures are distinguished by their SQLSTATE") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    make_pairs(link);
    CHECK(failure_of([&] { link.query(insert_pair, {"1", std::nullopt}, true); }).reason() == kind::other);
    CHECK(failure_of([&] { link.query(insert_pair, {"x", "name"}, true); }).reason() == kind::bad_value);
    CHECK(failure_of([&] { link.execute("selct"); }).reason() == kind::other);
    CHECK(failure_of([&] { link.execute("select * from nowhere"); }).sqlstate() == "42P01");
    for (const auto& [code, reason] : {std::pair{"40001", kind::retryable},
                                       {"40P01", kind::retryable},
                                       {"55P03", kind::timeout},
                                       {"23503", kind::retryable},
                                       {"22001", kind::bad_value},
                                       {"22008", kind::bad_value},
                                       {"22021", kind::bad_value},
                                       {"22P05", kind::bad_value},
                                       {"2200H", kind::other}, // a sequence is at its end
                                       {"22003", kind::other},
                                       {"22012", kind::other},
                                       {"23502", kind::other},
                                       {"23514", kind::other},
                                       {"23P01", kind::other}}) {
        const std::string sqlstate = code;
        CAPTURE(sqlstate);
        const auto sql = std::string("do $$ begin raise exception 'made up' using errcode = '") + code + "'; end $$";
        CHECK(failure_of([&] { link.execute(sql); }).reason() == reason);
    }
    CHECK(link.usable());
    CHECK(failure_of([&] { link.execute("do $$ begin raise exception 'stopping' using errcode = '57P01'; end $$"); }).reason() ==
          kind::in_doubt); // it might have come after a commit
    CHECK_FALSE(link.usable());
}

TEST_CASE("a failure does not quote a value, and names a sequence that is at its end") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    link.execute("create sequence few_ids maxvalue 2; select setval('few_ids', 2)");
    const auto text = [&](const std::string& sql) { return std::string(failure_of([&] { link.execute(sql); }).what()); };
    CHECK(text("select nextval('few_ids')").find("few_ids") != std::string::npos);
    for (const std::string sql : {"select 'someone@example.com'::integer", "select 'someone@example.com'::date",
                                  "select '{someone@example.com'::json", "select to_date('someone@example.com', 'YYYY')"}) {
        CAPTURE(sql);
        CHECK(text(sql).find("someone") == std::string::npos);
    }
}

TEST_CASE("a statement that takes too long is cancelled") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.statement_timeout = 1s;
    connection link(options);
    const auto begin = std::chrono::steady_clock::now();
    const auto failure = failure_of([&] { link.execute("select pg_sleep(20)"); });
    CHECK(failure.reason() == kind::timeout);
    CHECK(std::chrono::steady_clock::now() - begin < 19s);
    CHECK(link.usable());
}

TEST_CASE("waiting for a lock is limited") {
    test_database db(test_database::content::empty);
    connection holder(db.options());
    make_pairs(holder);
    holder.begin();
    holder.execute("lock table pairs");
    auto options = db.options();
    options.lock_timeout = 50ms;
    connection waiter(options);
    const auto failure = failure_of([&] { waiter.query(insert_pair, {"1", "a"}, true); });
    CHECK(failure.reason() == kind::timeout);
    CHECK(failure.sqlstate() == "55P03");
}

TEST_CASE("the changes of a transaction are visible after its commit") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    make_pairs(link);
    connection other(db.options());
    const auto seen = [&] { return other.execute("select count(*) from pairs").integer(0, 0); };
    link.begin();
    link.query(insert_pair, {"1", "a"}, true);
    CHECK(seen() == 0);
    link.rollback();
    CHECK(seen() == 0);
    link.begin();
    link.query(insert_pair, {"1", "a"}, true);
    CHECK(failure_of([&] { link.query(insert_pair, {"1", "b"}, true); }).reason() == kind::unique);
    link.rollback();
    link.start_lease();
    link.begin();
    link.query(insert_pair, {"2", "b"}, true);
    CHECK_FALSE(link.has_committed());
    link.commit();
    CHECK(link.has_committed());
    CHECK(seen() == 1);
    CHECK_THROWS_AS(link.commit(), std::logic_error);
}

TEST_CASE("a connection that the server has closed is detected before it is used") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    connection other(db.options());
    const auto backend = backend_of(link);
    CHECK(link.usable());
    CHECK(other.query(end_backend, {backend}).boolean(0, 0));
    CHECK_FALSE(link.usable());
}

TEST_CASE("if a connection is lost before a statement, nothing has happened") {
    test_database db(test_database::content::empty);
    connection other(db.options());
    make_pairs(other);
    connection link(db.options());
    std::function<void()> action;
    SUBCASE("a read") {
        action = [&] { link.query(echo, {"a", "b"}); };
    }
    SUBCASE("a single write") {
        action = [&] { link.query(insert_pair, {"1", "a"}, true); };
    }
    SUBCASE("a commit") {
        link.begin();
        link.query(insert_pair, {"1", "a"}, true);
        action = [&] { link.commit(); };
    }
    const auto backend = backend_of(link);
    link.start_lease();
    REQUIRE(other.query(end_backend, {backend}).boolean(0, 0));
    CHECK(failure_of(action).reason() == kind::connection);
    CHECK_FALSE(link.usable());
    CHECK_FALSE(link.has_committed());
    CHECK(failure_of([&] { link.query(echo, {"a", "b"}); }).reason() == kind::connection);
    CHECK(other.execute("select from pairs").empty());
}

TEST_CASE("if a connection is lost during a statement, the outcome of a single write or a commit is unknown") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    const statement end_self{"end_self", "select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"};
    const auto lost = [](kind what) { return what == kind::connection || what == kind::shutdown; };
    SUBCASE("a read") {
        CHECK(lost(failure_of([&] { link.query(end_self, {}); }).reason()));
    }
    SUBCASE("a single write") {
        CHECK(failure_of([&] { link.query(end_self, {}, true); }).reason() == kind::in_doubt);
    }
    SUBCASE("a write in a transaction") {
        link.begin();
        CHECK(lost(failure_of([&] { link.query(end_self, {}, true); }).reason()));
        link.rollback();
    }
    SUBCASE("a commit") {
        make_pairs(link);
        link.execute("create function break_off() returns trigger language plpgsql as"
                     " 'begin perform pg_terminate_backend(pg_backend_pid()), pg_sleep(5); return null; end';"
                     "create constraint trigger break_off after insert on pairs deferrable initially deferred"
                     " for each row execute function break_off()");
        link.begin();
        link.query(insert_pair, {"1", "a"}, true);
        CHECK(failure_of([&] { link.commit(); }).reason() == kind::in_doubt);
    }
    CHECK_FALSE(link.usable());
}

TEST_CASE("if a table changes under a prepared statement, the connection is replaced and the answer is right") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    make_pairs(link);
    const statement all{"all_pairs", "select * from pairs"};
    link.query(all, {});
    connection(db.options()).execute("alter table pairs add column more text");
    CHECK(failure_of([&] { link.query(all, {}); }).reason() == kind::connection);
    CHECK_FALSE(link.usable());
}

TEST_CASE("a server that does not exist is a connection failure") {
    database_options options;
    options.url = "postgresql:///nothing?host=/nonexistent";
    CHECK(failure_of([&] { connection link(options); }).reason() == kind::connection);
}
