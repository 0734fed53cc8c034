// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/api_clients.hpp>

#include <support/test_database.hpp>

#include <auth/secrets.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;

TEST_CASE("names of clients become ids") {
    CHECK(service::client_id_of("shop").value() == "id_shop");
    CHECK(service::client_id_of("id_shop").value() == "id_shop");
    CHECK(service::client_id_of(std::string(252, 'a')).has_value());
    for (const auto& name : {std::string(), std::string("id_"), std::string("a b"), std::string("a:b"), std::string("\xC3\xA4"),
                             std::string(253, 'a'), std::string("a\0", 2)}) {
        CAPTURE(name);
        CHECK(service::client_id_of(name).error().code == errc::invalid);
    }
}

TEST_CASE("no roles mean all roles, and an unknown one is refused") {
    CHECK(service::roles_of({}).value() == std::nullopt);
    const std::vector<std::string> known{"read", "updates", "read"};
    CHECK(service::roles_of(known).value() == std::set{model::role::read, model::role::updates});
    const std::vector<std::string> unknown{"read", "everything"};
    CHECK(service::roles_of(unknown).error().code == errc::malformed);
}

TEST_CASE("a client is created, changed and deleted") {
    test::test_database where;
    persistence::database db(where.options());
    service::api_clients clients(db);
    const auto made = clients.create({.name = "shop", .email = "team@example.com", .roles = std::set{model::role::read}}).value();
    CHECK(made.client.client_id == "id_shop");
    CHECK(auth::verify_secret(made.secret, made.client.hashed_secret));
    CHECK(clients.create({.name = "id_shop", .email = "x"}).error().code == errc::conflict);
    CHECK(clients.create({.name = "id_shop", .email = "x"}).error().message == "client 'id_shop' already exists");
    CHECK(clients.create({.name = "a b", .email = "x"}).error().code == errc::invalid);
    for (const auto& email : {std::string("a\0@example.com", 14), std::string("\xFF@example.com")}) {
        const auto refused = clients.create({.name = "other", .email = email}).error();
        CHECK(refused.code == errc::invalid);
        CHECK(refused.message.starts_with("email: "));
    }

    CHECK(clients.set_enabled("shop", false).has_value());
    CHECK(clients.set_roles("shop", std::nullopt).has_value());
    const auto changed = clients.find("shop").value();
    CHECK_FALSE(changed.client.enabled);
    CHECK(changed.client.roles == std::nullopt);
    CHECK(changed.client.hashed_secret == made.client.hashed_secret);
    CHECK(changed.old_secrets.empty());
    CHECK(clients.list().value().size() == 1);

    CHECK(clients.remove("shop").has_value());
    for (const std::string name : {"shop", "a b"}) {
        const auto expected = name == "shop" ? errc::not_found : errc::invalid;
        CHECK(clients.find(name).error().code == expected);
        CHECK(clients.set_enabled(name, true).error().code == expected);
        CHECK(clients.set_roles(name, std::nullopt).error().code == expected);
        CHECK(clients.rotate_secret(name).error().code == expected);
        CHECK(clients.remove(name).error().code == expected);
    }
}

TEST_CASE("a client has at least one role, or may do everything") {
    const test::test_database database;
    persistence::database db(database.options());
    service::api_clients clients(db);
    CHECK(clients.create({.name = "none", .email = "a@example.com", .roles = std::set<model::role>{}}).error().code == errc::invalid);
    CHECK(clients.find("none").error().code == errc::not_found);
    REQUIRE(clients.create({.name = "reader", .email = "a@example.com", .roles = std::set{model::role::read}}).has_value());
    CHECK(clients.set_roles("reader", std::set<model::role>{}).error().code == errc::invalid);
    CHECK(clients.find("reader").value().client.roles == std::set{model::role::read});
}

TEST_CASE("a replaced secret stays valid for the grace period, which has a limit") {
    test::test_database where;
    persistence::database db(where.options());
    service::api_clients clients(db);
    const auto first = clients.create({.name = "shop", .email = "team@example.com"}).value();
    CHECK(clients.rotate_secret("shop", -1s).error().code == errc::invalid);
    CHECK(clients.rotate_secret("shop", service::longest_grace_period + 1s).error().code == errc::invalid);
    const auto second = clients.rotate_secret("shop", 1h).value();
    CHECK(second.secret != first.secret);
    CHECK(auth::verify_secret(second.secret, clients.find("shop").value().client.hashed_secret));
    const auto kept = clients.find("shop").value().old_secrets;
    REQUIRE(kept.size() == 1);
    CHECK(kept.front().hashed_secret == first.client.hashed_secret);
    CHECK(clients.rotate_secret("shop").has_value());
    CHECK(clients.find("shop").value().old_secrets.empty());
}
