// SPDX-License-Identifier: MPL-2.0
#include <support/allocation_limit.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/pool.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <thread>

using namespace ctms;
using namespace ctms::persistence;
using namespace std::chrono_literals;
using ctms::test::test_database;

namespace {

class counting_recorder : public metrics::recorder {
public:
    void sync_scheduled(std::size_t /*contacts*/) override {}
    void legacy_waitlists_used() override {}
    void database_error(std::string_view kind) override { ++counts[std::string(kind)]; }
    std::map<std::string, int> counts;
};

const statement backend_number{"backend_number", "select pg_backend_pid()"};
const statement count_things{"count_things", "select count(*) from things"};
const statement add_thing{"add_thing", "insert into things default values"};

std::string backend_of(connection& link) { return std::string(link.query(backend_number, {}).text(0, 0)); }

// Ends all sessions but this one, as if the server had been restarted.
void end_sessions(const test_database& db) {
    connection link(db.options());
    link.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
}

/// Stops the process of a pooled connection until the object is destroyed, even if an assertion fails. A process that
/// stayed stopped would block everything that ends sessions or drops the database.
class stopped_backend {
public:
    explicit stopped_backend(database& which) : process_(run(which, [](connection& link) { return std::stoi(backend_of(link)); }).value()) {
        ::kill(process_, SIGSTOP);
    }
    ~stopped_backend() { ::kill(process_, SIGCONT); }
    stopped_backend(const stopped_backend&) = delete;
    stopped_backend& operator=(const stopped_backend&) = delete;
    [[nodiscard]] pid_t process() const { return process_; }

private:
    pid_t process_;
};

} // namespace

TEST_CASE("connections are reused, the most recently used one first") {
    test_database db(test_database::content::empty);
    pool connections(db.options());
    CHECK(connections.state().size == 0);
    std::string first;
    {
        auto held = connections.acquire();
        first = backend_of(*held);
        CHECK(connections.state().in_use == 1);
        auto moved = std::move(held);
        CHECK(backend_of(*moved) == first);
    }
    CHECK(connections.state().size == 1);
    CHECK(connections.state().in_use == 0);
    CHECK(backend_of(*connections.acquire()) == first);
}

TEST_CASE("the pool keeps pool_size connections and closes the overflow") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.pool_size = 1;
    options.max_overflow = 1;
    pool connections(options);
    {
        auto one = connections.acquire();
        auto two = connections.acquire();
        CHECK(connections.state().size == 2);
    }
    CHECK(connections.state().size == 1);
}

TEST_CASE("if no connection is free within the timeout, the error is `unavailable`") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.pool_size = 1;
    options.max_overflow = 0;
    options.pool_timeout = 0s;
    counting_recorder recorder;
    database base(options, recorder);
    CHECK(base.ping().has_value());
    auto held = base.connections().acquire();
    const auto refused = base.ping();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::unavailable);
    CHECK(refused.error().message == "Service temporarily unavailable");
    CHECK(recorder.counts["connection"] == 1);
}

TEST_CASE("a waiting thread gets the connection that is returned") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.pool_size = 1;
    options.max_overflow = 0;
    pool connections(options);
    auto held = std::make_unique<pool::lease>(connections.acquire());
    const auto backend = backend_of(**held);
    std::string got;
    std::jthread waiter([&] { got = backend_of(*connections.acquire()); });
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (connections.state().waiting == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    CHECK(connections.state().waiting == 1);
    held.reset();
    waiter.join();
    CHECK(got == backend);
}

TEST_CASE("a connection that is too old is replaced") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.pool_recycle = 0s;
    pool connections(options);
    const auto first = backend_of(*connections.acquire());
    CHECK(backend_of(*connections.acquire()) != first);
    CHECK(connections.state().size == 1);
}

TEST_CASE("many threads share few connections") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.pool_size = 2;
    options.max_overflow = 1;
    database base(options);
    std::atomic<int> failed = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 20; ++n) failed += base.ping() ? 0 : 1;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failed == 0);
    CHECK(base.state().size <= 2);
    CHECK(base.state().in_use == 0);
}

TEST_CASE("after the server has restarted, no call fails") {
    test_database db(test_database::content::empty);
    database base(db.options());
    {
        auto one = base.connections().acquire();
        auto two = base.connections().acquire();
    }
    CHECK(base.state().size == 2);
    end_sessions(db);
    CHECK(base.ping().has_value());
    CHECK(base.state().size == 1);
}

TEST_CASE("when a connection breaks, the idle ones are closed too") {
    test_database db(test_database::content::empty);
    pool connections(db.options());
    {
        auto broken = connections.acquire();
        auto idle = std::make_unique<pool::lease>(connections.acquire());
        idle.reset();
        CHECK(connections.state().size == 2);
        end_sessions(db);
        CHECK_THROWS_AS(broken->query(backend_number, {}), sql_error);
    }
    CHECK(connections.state().size == 0);
}

TEST_CASE("work that lost its connection runs once more unless it has committed") {
    test_database db(test_database::content::empty);
    database base(db.options());
    connection(db.options()).execute("create table things (id serial)");
    int runs = 0;
    SUBCASE("a read") {
        const auto found = run(base, [&](connection& link) {
            if (++runs == 1) end_sessions(db);
            return link.query(count_things, {}).integer(0, 0);
        });
        REQUIRE(found.has_value());
        CHECK(*found == 0);
        CHECK(runs == 2);
    }
    SUBCASE("a transaction before its commit") {
        const auto done = run(base, [&](connection& link) {
            link.begin();
            link.query(add_thing, {}, true);
            if (++runs == 1) end_sessions(db);
            link.query(add_thing, {}, true);
            link.commit();
        });
        CHECK(done.has_value());
        CHECK(runs == 2);
        CHECK(connection(db.options()).query(count_things, {}).integer(0, 0) == 2);
    }
    SUBCASE("after a commit") {
        const auto done = run(base, [&](connection& link) {
            link.query(add_thing, {}, true);
            ++runs;
            end_sessions(db);
            link.query(count_things, {});
        });
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error().code == errc::unavailable);
        CHECK(runs == 1);
    }
    SUBCASE("when the outcome is unknown") {
        const auto done = run(base, [&](connection& link) {
            ++runs;
            link.query({"end_self", "select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"}, {}, true);
        });
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error().code == errc::outcome_unknown);
        CHECK(runs == 1);
    }
    SUBCASE("twice") {
        const auto done = run(base, [&](connection& link) {
            ++runs;
            end_sessions(db);
            link.query(count_things, {});
        });
        REQUIRE_FALSE(done.has_value());
        CHECK(runs == 2);
    }
}

TEST_CASE("conflicts between transactions are retried three times") {
    test_database db(test_database::content::empty);
    counting_recorder recorder;
    database base(db.options(), recorder);
    int runs = 0;
    const auto collide = [&](int times) {
        return run(base, [&runs, times](connection& link) {
            if (++runs <= times) link.execute("do $$ begin raise exception 'made up' using errcode = '40001'; end $$");
            return runs;
        });
    };
    CHECK(collide(3).value() == 4);
    runs = 0;
    const auto failed = collide(100);
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().code == errc::unavailable);
    CHECK(runs == 4);
    CHECK(recorder.counts["conflict"] == 1);
}

TEST_CASE("an exception leaves no transaction open") {
    test_database db(test_database::content::empty);
    database base(db.options());
    connection(db.options()).execute("create table things (id serial)");
    const auto fail = [](connection& link) {
        link.begin();
        link.query(add_thing, {}, true);
        throw std::runtime_error("a bug");
    };
    CHECK_THROWS_AS((void)run(base, fail), std::runtime_error);
    auto held = base.connections().acquire();
    CHECK_NOTHROW(held->begin());
    CHECK(held->query(count_things, {}).integer(0, 0) == 0);
}

TEST_CASE("errors reveal nothing about the database to the client") {
    auto& recorder = metrics::null_recorder();
    const sql_error failure(sql_error::kind::other, "42P01", "", "relation secret does not exist");
    const auto outside = to_error(failure, recorder);
    CHECK(outside.code == errc::unavailable);
    CHECK(outside.message.find("secret") == std::string::npos);
    CHECK(outside.detail == "relation secret does not exist [SQLSTATE 42P01]");
    CHECK(to_error({sql_error::kind::unique, "23505", "k", "m"}, recorder).code == errc::conflict);
    CHECK(to_error({sql_error::kind::bad_value, "22001", "", "m"}, recorder).code == errc::invalid);
    CHECK(to_error({sql_error::kind::in_doubt, "", "", "m"}, recorder).code == errc::outcome_unknown);
    for (const auto what : {sql_error::kind::connection, sql_error::kind::shutdown, sql_error::kind::timeout, sql_error::kind::retryable}) {
        CHECK(to_error({what, "", "", "m"}, recorder).code == errc::unavailable);
    }
}

TEST_CASE("a URL is shown without its password") {
    CHECK(url_for_display("postgresql://me:p%40ss@db:5432/ctms?sslmode=require") == "postgresql://me@db:5432/ctms?sslmode=require");
    CHECK(url_for_display("postgres://me:a@b@db1,db2/ctms") == "postgres://me@db1,db2/ctms");
    CHECK(url_for_display("postgresql:///ctms?host=%2Frun&password=secret&port=1") == "postgresql:///ctms?host=%2Frun&port=1");
    CHECK(url_for_display("postgresql:///ctms?password=secret") == "postgresql:///ctms");
    CHECK(url_for_display("postgresql://db/ctms") == "postgresql://db/ctms");
    CHECK(url_for_display("host=db password='a \\' b' user = me") == "host=db user=me");
    CHECK(url_for_display("password=x") == "");
    CHECK(url_for_display("host=db") == "host=db");
}

TEST_CASE("a server that does not answer causes a timeout and not a hang") {
    const test_database db;
    auto options = db.options();
    options.statement_timeout = 1s;
    options.pool_size = 1;
    database database(options);
    const auto asked = std::chrono::steady_clock::now();
    const stopped_backend reader(database);
    const auto fresh = run(database, [](connection& link) { return std::stoi(backend_of(link)); }); // retried once, on a new connection
    REQUIRE(fresh.has_value());
    CHECK(*fresh != reader.process());
    const stopped_backend writer(database);
    const auto written = run(database, [](connection& link) { return link.query(backend_number, {}, true); });
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().code == errc::outcome_unknown);
    CHECK(std::chrono::steady_clock::now() - asked < 60s); // without a deadline this would take forever
}

TEST_CASE("repeated conflicts give the error that the caller chose, and other failures the usual one") {
    counting_recorder recorder;
    constexpr refusal given_up{ctms::errc::conflict, "send it again"};
    const sql_error deadlock(sql_error::kind::retryable, "40P01", "", "deadlock detected");
    CHECK(to_error(deadlock, recorder).code == ctms::errc::unavailable);
    CHECK(to_error(deadlock, recorder, given_up).code == ctms::errc::conflict);
    CHECK(to_error(deadlock, recorder, given_up).message == "send it again");
    const sql_error slow(sql_error::kind::timeout, "57014", "", "canceled");
    CHECK(to_error(slow, recorder, given_up).code == ctms::errc::unavailable);
    CHECK(recorder.counts["conflict"] == 3);
}

TEST_CASE("a lack of memory loses no connection of the pool") {
    const test_database db;
    auto options = db.options();
    options.pool_size = 2;
    options.max_overflow = 0;
    options.pool_timeout = 1s;
    pool connections(options);
    {
        std::optional<pool::lease> one(connections.acquire());
        std::optional<pool::lease> other(connections.acquire());
        const ctms::test::allocation_limit none(0);
        one.reset(); // must not throw, although there is no memory to keep the connection
        other.reset();
    }
    CHECK(connections.state().in_use == 0);
    (void)connections.acquire();
    for (int i = 0; i < 10; ++i) {
        const ctms::test::allocation_limit none(0);
        try {
            (void)connections.acquire();
        } catch (const std::bad_alloc&) {
        }
    }
    CHECK(connections.state().in_use == 0);
    const auto one = connections.acquire();
    const auto other = connections.acquire();
    CHECK(one->execute("select 1").integer(0, 0) == 1);
    CHECK(other->execute("select 1").integer(0, 0) == 1);
}
