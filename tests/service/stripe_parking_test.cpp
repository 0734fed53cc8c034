// SPDX-License-Identifier: MPL-2.0
// How long parked Stripe objects are kept, and what a full table still takes.
#include <support/becomes_true.hpp>
#include <support/pubsub_messages.hpp>
#include <support/stripe_objects.hpp>
#include <support/test_database.hpp>

#include <ctms/service/inbox_drain.hpp>
#include <ctms/service/stripe_parking.hpp>
#include <persistence/postgres/connection.hpp>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <chrono>
#include <string>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
namespace objects = test::stripe_objects;
using model::stripe::parked_object;

namespace {

struct parked_database {
    test::test_database db;
    persistence::database pool{db.options()};
    service::stripe_parking parking{pool};
    persistence::connection link{db.options()};

    static parked_object object(const std::string& id, const std::string& payload = "{}") {
        parked_object out;
        out.object = "customer:" + id;
        out.reason = "customer.created: missing";
        out.payload = payload;
        return out;
    }
    void age(const std::string& object, const std::string& by) {
        link.execute(fmt::format("update ctms_stripe_parked set parked_at = parked_at - interval '{}' where object = '{}'", by, object));
    }
    std::string value(const std::string& sql) { return std::string(link.execute(sql).text(0, 0)); }
    std::string names() { return value("select coalesce(string_agg(object, ' ' order by object), '') from ctms_stripe_parked"); }
};

} // namespace

TEST_CASE("parked objects expire when they are older than the limit") {
    parked_database db;
    REQUIRE(db.parking.park({db.object("old"), db.object("young"), db.object("new")}).has_value());
    db.age("customer:old", "30 days 1 second");
    db.age("customer:young", "29 days 23 hours");
    CHECK(db.parking.expire(std::chrono::days(30)).value() == 1);
    CHECK(db.names() == "customer:new customer:young");
    CHECK(db.parking.expire(std::chrono::days(30)).value() == 0);
}

TEST_CASE("ctms-web removes parked objects that have expired") {
    parked_database db;
    REQUIRE(db.parking.park({db.object("old"), db.object("new")}).has_value());
    db.age("customer:old", "25 hours");
    const service::inbox_drain drain(db.pool, {.deletions = 24h, .parked = 24h}, 10ms);
    CHECK(test::becomes_true([&] { return db.names() == "customer:new"; }));
}

TEST_CASE("nothing expires while the clock of the database is far ahead") {
    parked_database db;
    REQUIRE(db.parking.park({db.object("old")}).has_value());
    db.age("customer:old", "25 hours");
    // What the sessions of the drain see.
    db.link.execute("create function public.clock_timestamp() returns timestamptz language sql"
                    " as $$ select pg_catalog.clock_timestamp() + interval '1 year' $$");
    db.link.execute(fmt::format("alter database {} set search_path = public, pg_catalog", db.value("select current_database()")));
    persistence::database pool(db.db.options());
    {
        const service::inbox_drain drain(pool, {.deletions = 24h, .parked = 24h}, 10ms);
        // It drains the inbox after each pause, and would forget after the first one.
        for (int round = 0; round < 3; ++round) {
            db.link.execute("insert into ctms_inbox (email_id, what) values (gen_random_uuid(), 'upsert')");
            REQUIRE(test::becomes_true([&] { return db.value("select count(*) from ctms_inbox") == "0"; }));
        }
    }
    CHECK(db.names() == "customer:old");
}

TEST_CASE("an object that is parked again keeps the time when it was parked first") {
    parked_database db;
    REQUIRE(db.parking.park({db.object("one")}).has_value());
    db.age("customer:one", "29 days");
    const auto first = db.value("select parked_at::text from ctms_stripe_parked");
    REQUIRE(db.parking.park({db.object("one")}).has_value());
    CHECK(db.value("select parked_at::text from ctms_stripe_parked") == first);
    CHECK(db.value("select deliveries::text from ctms_stripe_parked") == "2");
}

TEST_CASE("objects of a parked message that are parked instead of it expire with the message") {
    parked_database db;
    parked_object message;
    message.object = "message";
    message.reason = "it could not be read";
    const auto bad = objects::without(objects::customer(), "created");
    message.payload = test::envelope_of(boost::json::serialize(bad));
    REQUIRE(db.parking.park({message}).has_value());
    db.age("message", "29 days");
    const auto first = db.value("select parked_at::text from ctms_stripe_parked");
    CHECK(db.parking.retry(db.parking.list(0, 1).value().front().id).value().stored);
    CHECK(db.names() == "customer:cus_1");
    CHECK(db.value("select parked_at::text from ctms_stripe_parked") == first);
}

TEST_CASE("a parked message that is refused again stays parked, with the reason") {
    parked_database db;
    parked_object message;
    message.object = "message";
    message.reason = "it could not be read";
    SUBCASE("it is no message") { message.payload = R"({"subscription":"s"})"; }
    SUBCASE("its content is no list of objects") { message.payload = test::envelope_of("[]"); }
    REQUIRE(db.parking.park({message}).has_value());
    const auto tried = db.parking.retry(db.parking.list(0, 1).value().front().id);
    REQUIRE(tried.has_value());
    CHECK_FALSE(tried->stored);
    CHECK_FALSE(tried->reason.empty());
    CHECK(db.names() == "message");
}

TEST_CASE("a full table takes what it has already, and nothing else") {
    parked_database db;
    REQUIRE(db.parking.park({db.object("known"), db.object("other")}).has_value());
    db.link.execute("insert into ctms_stripe_parked (object, reason, payload, payload_hash)"
                    " select 'price:' || n, 'none', 'x', sha256('x') from generate_series(3, 10000) n");
    CHECK(db.parking.park({db.object("known")}).has_value());
    CHECK(db.parking.park({db.object("known"), db.object("other")}).has_value());
    CHECK(db.value("select deliveries::text from ctms_stripe_parked where object = 'customer:known'") == "3");

    const auto refused = db.parking.park({db.object("known"), db.object("new")});
    CHECK(refused.error().code == errc::unavailable);
    CHECK(db.parking.park({db.object("known", "another payload")}).error().code == errc::unavailable);
    CHECK(db.value("select count(*)::text from ctms_stripe_parked") == "10000");
    CHECK(db.value("select deliveries::text from ctms_stripe_parked where object = 'customer:known'") == "3");
}
