// SPDX-License-Identifier: MPL-2.0
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <persistence/clients/client_repository.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <set>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

namespace {

model::api_client make_client(const std::string& id) { return {id, id + "@example.com", true, "$argon2id$stub", {}, {}}; }

} // namespace

TEST_CASE("a client is stored and found with its timestamps") {
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

TEST_CASE("clients are listed in the order of their ids") {
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

TEST_CASE("an id can be used only once") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    REQUIRE(clients.create(make_client("id_one")).has_value());
    const auto again = clients.create(make_client("id_one"));
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().code == errc::conflict);
    CHECK(again.error().conflicts == std::vector<std::string>{"client_id"});
}

TEST_CASE("a client can be disabled, get a new secret and be removed") {
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

TEST_CASE("a client that does not exist is not_found") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    for (const std::string& id : {std::string("id_none"), std::string("id\0x", 4), std::string("' or true --")}) {
        CHECK(clients.find(id).error().code == errc::not_found);
        CHECK(clients.set_enabled(id, false).error().code == errc::not_found);
        CHECK(clients.set_hashed_secret(id, "x").error().code == errc::not_found);
        CHECK(clients.set_roles(id, std::set{model::role::read}).error().code == errc::not_found);
        CHECK(clients.find_access(id).error().code == errc::not_found);
        CHECK(clients.remove(id).error().code == errc::not_found);
    }
}

TEST_CASE("roles are stored with a new client, changed and removed") {
    using model::role;
    test_database db;
    database base(db.options());
    client_repository clients(base);
    auto limited = make_client("id_limited");
    limited.roles = std::set{role::read, role::remove};
    REQUIRE(clients.create(limited).has_value());
    REQUIRE(clients.create(make_client("id_free")).has_value());
    CHECK(clients.find("id_limited").value().roles == std::set{role::read, role::remove});
    CHECK_FALSE(clients.find("id_free").value().roles.has_value());
    const auto all = clients.list().value();
    CHECK_FALSE(all[0].roles.has_value());
    CHECK(all[1].roles == std::set{role::read, role::remove});
    for (std::size_t i = 0; i < model::role_names.size(); ++i) {
        const auto one = static_cast<role>(i);
        REQUIRE(clients.set_roles("id_limited", std::set{one}).has_value());
        const auto found = clients.find("id_limited").value();
        CHECK(found.roles == std::set{one});
        CHECK(found.may(one));
        CHECK_FALSE(found.may(static_cast<role>((i + 1) % model::role_names.size())));
    }
    REQUIRE(clients.set_roles("id_limited", std::nullopt).has_value());
    CHECK_FALSE(clients.find("id_limited").value().roles.has_value());
    CHECK(clients.find("id_limited").value().may(role::admin));
}

TEST_CASE("a client that was not stored leaves no roles") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    REQUIRE(clients.create(make_client("id_one")).has_value());
    auto again = make_client("id_one");
    again.roles = std::set{model::role::read};
    CHECK(clients.create(again).error().code == errc::conflict);
    CHECK_FALSE(clients.find("id_one").value().roles.has_value());
}

TEST_CASE("an unknown role gives no permissions") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    REQUIRE(clients.create(make_client("id_one")).has_value());
    connection link(db.options());
    CHECK_THROWS_AS(link.execute("insert into ctms_client_roles values ('id_one', 'future')"), sql_error);
    link.execute("alter table ctms_client_roles drop constraint ctms_client_roles_role_check");
    link.execute("insert into ctms_client_roles values ('id_one', 'future')");
    const auto found = clients.find("id_one").value();
    for (std::size_t i = 0; i < model::role_names.size(); ++i) CHECK_FALSE(found.may(static_cast<model::role>(i)));
}

TEST_CASE("replaced secrets are kept for the given time") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    REQUIRE(clients.create(make_client("id_one")).has_value());
    CHECK(clients.set_hashed_secret("id_one", "second", std::chrono::hours(1)).has_value());
    CHECK(clients.set_hashed_secret("id_one", "third", std::chrono::hours(2)).has_value());
    CHECK(clients.find("id_one").value().hashed_secret == "third");
    const auto kept = clients.find_access("id_one").value().old_secrets;
    REQUIRE(kept.size() == 2);
    CHECK(kept[0].hashed_secret == "second");
    CHECK(kept[1].hashed_secret == "$argon2id$stub");
    CHECK(kept[1].valid_until > now() + std::chrono::minutes(59));
    CHECK(kept[1].valid_until < now() + std::chrono::minutes(61));
    connection link(db.options());
    link.execute("update ctms_client_old_secrets set valid_until = now() where hashed_secret = 'second'");
    CHECK(clients.find_access("id_one").value().old_secrets.size() == 1);
}

TEST_CASE("a rotation removes expired secrets, and one without a grace period removes all") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    connection link(db.options());
    const auto stored = [&] { return link.execute("select count(*) from ctms_client_old_secrets").integer(0, 0); };
    for (const char* id : {"id_one", "id_two"}) {
        REQUIRE(clients.create(make_client(id)).has_value());
        REQUIRE(clients.set_hashed_secret(id, "second", std::chrono::hours(1)).has_value());
    }
    CHECK(stored() == 2);
    link.execute("update ctms_client_old_secrets set valid_until = now() - interval '1 second' where client_id = 'id_two'");
    REQUIRE(clients.set_hashed_secret("id_one", "third", std::chrono::hours(1)).has_value());
    CHECK(stored() == 2);
    REQUIRE(clients.set_hashed_secret("id_two", "third", std::chrono::hours(1)).has_value());
    REQUIRE(clients.set_hashed_secret("id_one", "fourth").has_value());
    CHECK(clients.find_access("id_one").value().old_secrets.empty());
    CHECK(clients.find_access("id_two").value().old_secrets.size() == 1);
    CHECK(stored() == 1);
}

TEST_CASE("replacing a secret or deleting a client ends its tokens, whichever program does it") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    connection link(db.options());
    const auto valid_from = [&] { return clients.find_access("id_one").value().tokens_valid_from; };
    const auto rows = [&] { return link.execute("select count(*) from ctms_client_revocations").integer(0, 0); };
    REQUIRE(clients.create(make_client("id_one")).has_value());
    CHECK_FALSE(valid_from());
    REQUIRE(clients.set_enabled("id_one", false).has_value());
    REQUIRE(clients.set_roles("id_one", std::nullopt).has_value());
    CHECK_FALSE(valid_from());

    REQUIRE(clients.set_hashed_secret("id_one", "second", std::chrono::hours(1)).has_value());
    CHECK_FALSE(valid_from()); // the old secret has a grace period
    CHECK(clients.find_access("id_one").value().old_secrets.size() == 1);
    CHECK(clients.find_access("id_one").value().old_secrets[0].hashed_secret == "$argon2id$stub");
    link.execute("update ctms_client_old_secrets set valid_until = now()");
    const auto first = valid_from();
    REQUIRE(first);
    CHECK(*first <= now() + std::chrono::seconds(1));
    CHECK(*first >= now() - std::chrono::minutes(5));

    link.execute("update api_client set hashed_secret = 'third' where client_id = 'id_one'"); // as the Python service would
    const auto second = valid_from();
    REQUIRE(second);
    CHECK(*second > *first);
    for (const char* secret : {"fourth", "fifth", "sixth"}) REQUIRE(clients.set_hashed_secret("id_one", secret).has_value());
    CHECK(rows() == 1); // rows with the same effect as a later one are removed
    const auto third = valid_from();
    REQUIRE(third);

    REQUIRE(clients.remove("id_one").has_value());
    CHECK(rows() == 1);
    CHECK(clients.find_access("id_one").error().code == errc::not_found);
    REQUIRE(clients.create(make_client("id_one")).has_value());
    const auto fourth = valid_from();
    REQUIRE(fourth);
    CHECK(*fourth > *third);
    CHECK(clients.find_access("id_one").value().old_secrets.empty());
}

TEST_CASE("deleting a client deletes its roles and old secrets, whichever program does it") {
    test_database db;
    database base(db.options());
    client_repository clients(base);
    connection link(db.options());
    for (const char* id : {"id_one", "id_two"}) {
        auto client = make_client(id);
        client.roles = std::set{model::role::read};
        REQUIRE(clients.create(client).has_value());
        REQUIRE(clients.set_hashed_secret(id, "second", std::chrono::hours(1)).has_value());
    }
    REQUIRE(clients.remove("id_one").has_value());
    CHECK(link.execute("select string_agg(client_id, ',') from ctms_client_roles").text(0, 0) == "id_two");
    // Uses a role that has no rights on the tables that this service adds.
    link.execute("do $$ begin create role ctms_test_reference; exception when duplicate_object then null; end $$");
    link.execute("grant select, delete on api_client to ctms_test_reference");
    link.execute("set role ctms_test_reference");
    link.execute("delete from api_client where client_id = 'id_two'");
    link.execute("reset role");
    link.execute("drop owned by ctms_test_reference");
    CHECK(link.execute("select count(*) from ctms_client_roles").integer(0, 0) == 0);
    CHECK(link.execute("select count(*) from ctms_client_old_secrets").integer(0, 0) == 0);
}

TEST_CASE("a client whose `enabled` the Python service left null is enabled") {
    test_database db;
    connection(db.options()).execute("insert into api_client (client_id, email, hashed_secret) values ('id_null', 'a@example.com', 'x')");
    database base(db.options());
    CHECK(client_repository(base).find("id_null").value().enabled);
}

TEST_CASE("a value that does not fit is invalid, and a database that does not exist is unavailable") {
    test_database db;
    database base(db.options());
    CHECK(client_repository(base).create(make_client(std::string(300, 'x'))).error().code == errc::invalid);
    database_options nowhere;
    nowhere.url = "postgresql:///nothing?host=/nonexistent";
    database gone(nowhere);
    CHECK(client_repository(gone).find("id_one").error().code == errc::unavailable);
    const auto not_created = client_repository(gone).create(make_client("id_one"));
    CHECK(not_created.error().code == errc::unavailable);
    CHECK(not_created.error().conflicts.empty());
}
