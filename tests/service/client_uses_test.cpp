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
    /// Seconds since the last use, or "none".
    std::string ago(const std::string& id) {
        const auto found = link.execute("select round(extract(epoch from clock_timestamp() - last_used_at)) from ctms_client_use"
                                        " where client_id = '" +
                                        id + "'");
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
        CHECK(with.ago("id_a") == "none");
    }
    CHECK(with.ago("id_a") == "0");
    CHECK(with.ago("id_b") == "none");
    CHECK(with.ago("id_unknown") == "none");
    service::client_uses uses(with.db, 20ms);
    uses.note("id_b");
    CHECK(becomes_true([&] { return with.ago("id_b") == "0"; }));
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
    CHECK(with.ago("id_a") == "0");
    CHECK(with.ago("id_b") == "-3600");
}

TEST_CASE("a use is stored as soon as the database accepts writes again") {
    scene with;
    with.link.execute("revoke insert on ctms_client_use from ctms_test_web");
    service::client_uses uses(with.db, 20ms);
    uses.note("id_a");
    std::this_thread::sleep_for(200ms);
    CHECK(with.ago("id_a") == "none");
    with.link.execute("grant insert on ctms_client_use to ctms_test_web");
    CHECK(becomes_true([&] { return with.ago("id_a") != "none"; }));
}

TEST_CASE("the last use goes with the client") {
    scene with;
    {
        service::client_uses uses(with.db, 1h);
        uses.note("id_a");
    }
    with.link.execute("delete from api_client where client_id = 'id_a'");
    CHECK(with.ago("id_a") == "none");
}
