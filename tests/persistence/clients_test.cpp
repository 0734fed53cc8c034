// SPDX-License-Identifier: MPL-2.0
#include <support/test_database.hpp>

#include <persistence/connection.hpp>

#include <ctms/persistence/clients.hpp>

#include <doctest/doctest.h>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

namespace {

model::api_client make_client(const std::string& id) { return {id, id + "@example.com", true, "$argon2id$stub", {}, {}}; }

} // namespace

TEST_CASE("a client is stored and found with its times") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    const auto before = now() - std::chrono::minutes(1);
    REQUIRE(clients.create(make_client("id_one")).has_value());
    const auto found = clients.find("id_one");
    REQUIRE(found.has_value());
    CHECK(found->client_id == "id_one");
    CHECK(found->email == "id_one@example.com");
    CHECK(found->enabled);
    CHECK(found->hashed_secret == "$argon2id$stub");
    CHECK(found->create_timestamp.value() > before);
    CHECK(found->update_timestamp.value() >= found->create_timestamp.value());
}

TEST_CASE("clients are listed in order of their id") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    CHECK(clients.list().value().empty());
    for (const char* id : {"id_b", "id_a", "id_B"}) REQUIRE(clients.create(make_client(id)).has_value());
    const auto all = clients.list().value();
    REQUIRE(all.size() == 3);
    CHECK(all[0].client_id == "id_B");
    CHECK(all[1].client_id == "id_a");
    CHECK(all[2].client_id == "id_b");
}

TEST_CASE("an id can be taken once") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    REQUIRE(clients.create(make_client("id_one")).has_value());
    const auto again = clients.create(make_client("id_one"));
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().code == errc::conflict);
    CHECK(again.error().conflicts == std::vector<std::string>{"client_id"});
}

TEST_CASE("a client is disabled, gets a new secret, and is removed") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    auto disabled = make_client("id_one");
    disabled.enabled = false;
    REQUIRE(clients.create(disabled).has_value());
    CHECK_FALSE(clients.find("id_one").value().enabled);
    CHECK(clients.set_enabled("id_one", true).has_value());
    CHECK(clients.find("id_one").value().enabled);
    CHECK(clients.set_hashed_secret("id_one", "other").has_value());
    const auto changed = clients.find("id_one").value();
    CHECK(changed.hashed_secret == "other");
    CHECK(changed.update_timestamp.value() > changed.create_timestamp.value());
    CHECK(clients.remove("id_one").has_value());
    CHECK(clients.find("id_one").error().code == errc::not_found);
}

TEST_CASE("what is not there is not_found") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    for (const std::string& id : {std::string("id_none"), std::string("id\0x", 4), std::string("' or true --")}) {
        CHECK(clients.find(id).error().code == errc::not_found);
        CHECK(clients.set_enabled(id, false).error().code == errc::not_found);
        CHECK(clients.set_hashed_secret(id, "x").error().code == errc::not_found);
        CHECK(clients.remove(id).error().code == errc::not_found);
    }
}

TEST_CASE("a client whose `enabled` the reference left null is enabled") {
    test_database db;
    connection(db.options()).execute("insert into api_client (client_id, email, hashed_secret) values ('id_null', 'a@example.com', 'x')");
    database base(db.options());
    CHECK(client_repository(base).find("id_null").value().enabled);
}

TEST_CASE("a value that does not fit is invalid, a database that is not there unavailable") {
    test_database db;
    database base(db.options());
    CHECK(client_repository(base).create(make_client(std::string(300, 'x'))).error().code == errc::invalid);
    database_options nowhere;
    nowhere.url = "postgresql:///nothing?host=/nonexistent";
    database gone(nowhere);
    CHECK(client_repository(gone).find("id_one").error().code == errc::unavailable);
}
