// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/client_uses.hpp>

#include <ctms/service/api_clients.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

persistence::database_options web_options(const test_database& cluster) {
    auto out = cluster.options();
    out.url = cluster.url(persistence::program_account::web);
    return out;
}

class scene {
public:
    scene() { link.execute("insert into api_client (client_id, email, hashed_secret) values ('id_a', 'a', ''), ('id_b', 'b', '')"); }
    /// "now" if the client was last used less than a minute ago, "long ago", "later", or "none".
    std::string last_use(const std::string& id) {
        const auto found = link.execute("select case when age >= '1 minute' then 'long ago' when age < '0 s' then 'later' else 'now' end"
                                        " from (select clock_timestamp() - last_used_at as age from ctms_client_use where client_id = '" +
                                        id + "') used");
        return found.empty() ? "none" : std::string(found.text(0, 0));
    }

    test_database cluster;
    persistence::connection link{cluster.options()};
    persistence::database db{web_options(cluster)};
};

} // namespace

TEST_CASE("the last use of a client is stored after a pause, and when the object is destroyed") {
    scene with;
    {
        service::client_uses uses(with.db, 1h);
        uses.note("id_a");
        uses.note("id_unknown");
        CHECK(with.last_use("id_a") == "none");
    }
    CHECK(with.last_use("id_a") == "now");
    CHECK(with.last_use("id_b") == "none");
    CHECK(with.last_use("id_unknown") == "none");
    service::client_uses uses(with.db, 20ms);
    uses.note("id_b");
    CHECK(becomes_true([&] { return with.last_use("id_b") == "now"; }));
    const auto listed = service::api_clients(with.db).list();
    REQUIRE(listed.has_value());
    CHECK(listed->at(1).last_used.has_value());
}

TEST_CASE("many uses are one write, and an older time does not replace a newer one") {
    scene with;
    with.link.execute("insert into ctms_client_use values ('id_b', now() + interval '1 hour')");
    {
        service::client_uses uses(with.db, 1h);
        for (int i = 0; i < 10'000; ++i) uses.note(i % 2 == 0 ? "id_a" : "id_b");
    }
    CHECK(with.last_use("id_a") == "now");
    CHECK(with.last_use("id_b") == "later");
}

TEST_CASE("a use is stored as soon as the database accepts writes again") {
    scene with;
    with.link.execute("revoke insert on ctms_client_use from ctms_test_web");
    service::client_uses uses(with.db, 20ms);
    uses.note("id_a");
    std::this_thread::sleep_for(200ms);
    CHECK(with.last_use("id_a") == "none");
    with.link.execute("grant insert on ctms_client_use to ctms_test_web");
    CHECK(becomes_true([&] { return with.last_use("id_a") != "none"; }));
}

TEST_CASE("the last use goes with the client") {
    scene with;
    {
        service::client_uses uses(with.db, 1h);
        uses.note("id_a");
    }
    with.link.execute("delete from api_client where client_id = 'id_a'");
    CHECK(with.last_use("id_a") == "none");
}

TEST_CASE("a use that is stored while its client is being deleted leaves nothing behind") {
    constexpr auto waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    scene with;
    persistence::connection other(with.cluster.options());
    other.begin();
    other.execute("delete from api_client where client_id = 'id_a'");
    {
        service::client_uses uses(with.db, 20ms);
        uses.note("id_a");
        REQUIRE(becomes_true([&] { return with.last_use("id_a") != "none" || !with.link.execute(waiting).empty(); }));
        other.commit();
    }
    CHECK(with.last_use("id_a") == "none");
}
