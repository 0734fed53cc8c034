// SPDX-License-Identifier: MPL-2.0
#include <persistence/clients/client_repository.hpp>

#include <support/web_fixture.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <web/server/route.hpp>

#include <set>
#include <string>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;
using model::role;

namespace {

constexpr auto path = "/ctms?primary_email=nobody";

/// Sets the roles in the database; the server reads them within five seconds.
void set_roles(web_fixture& web, const std::optional<std::set<role>>& roles) {
    persistence::database db(web.database().options());
    REQUIRE(persistence::client_repository(db).set_roles(web_fixture::client, roles).has_value());
}

http_answer call(web_fixture& web, const web::route& route) {
    std::string target(route.path);
    if (const auto brace = target.find('{'); brace != std::string::npos) target.replace(brace, target.find('}') - brace + 1, "x");
    return web.send(route.method, target, route.takes == web::body_kind::json ? "{}" : "");
}

std::string lacks(role one) { return fmt::format(R"({{"detail":"Client lacks the role '{}'"}})", to_string(one)); }

} // namespace

TEST_CASE("each route requires the right role") {
    const auto check = [](std::string_view method, std::string_view where, std::optional<role> wanted) {
        CAPTURE(std::string(method) + " " + std::string(where));
        int found = 0;
        for (const auto& route : web::all_routes()) {
            if (route.method != method || route.path != where) continue;
            ++found;
            CHECK(route.role == wanted);
        }
        CHECK(found == 1);
    };
    check("GET", "/ctms", role::read);
    check("POST", "/ctms", role::write);
    check("GET", "/ctms/{email_id}", role::read);
    check("PUT", "/ctms/{email_id}", role::write);
    check("PATCH", "/ctms/{email_id}", role::write);
    check("DELETE", "/ctms/{primary_email}", role::remove);
    check("GET", "/ctms/{email_id}/history", role::read);
    check("GET", "/ctms/{email_id}/export", role::privacy);
    check("GET", "/updates", role::updates);
    check("GET", "/changes", role::updates);
    check("GET", "/identities", role::read);
    check("GET", "/identity/{email_id}", role::read);
    check("POST", "/stripe", role::stripe);
    check("GET", "/__crash__", role::admin);
    check("POST", "/erasures", role::privacy);
    check("GET", "/erasures/{id}", role::privacy);
    check("POST", "/token", std::nullopt);
    check("GET", "/metrics", std::nullopt);
}

TEST_CASE("every route accepts a client with only its role and refuses one with all other roles") {
    for (const auto wanted : {role::read, role::write, role::remove, role::updates, role::stripe, role::admin, role::privacy}) {
        CAPTURE(std::string(to_string(wanted)));
        // Each set of roles gets its own server, which reads the roles immediately.
        web_fixture with;
        set_roles(with, std::set{wanted});
        std::set others{role::read, role::write, role::remove, role::updates, role::stripe, role::admin, role::privacy};
        others.erase(wanted);
        web_fixture without;
        set_roles(without, others);
        int tried = 0;
        for (const auto& route : web::all_routes()) {
            if (route.role != wanted) continue;
            ++tried;
            CAPTURE(std::string(route.method) + " " + std::string(route.path));
            const auto let_in = call(with, route);
            CHECK(let_in.status != 401);
            CHECK(let_in.status != 403);
            const auto refused = call(without, route);
            CHECK(refused.status == 403);
            CHECK(refused.body == lacks(wanted));
            CHECK_FALSE(refused.has_header("www-authenticate"));
        }
        CHECK(tried > 0);
    }
}

TEST_CASE("a refusal for a missing role is logged") {
    web_fixture web;
    set_roles(web, std::set{role::write});
    const auto answer = web.get(path);
    REQUIRE(answer.status == 403);
    const auto fields = web.fields_of(answer);
    CHECK(fields.at("auth_fail") == "Missing role");
    CHECK_FALSE(fields.at("client_allowed").as_bool());
    CHECK(fields.at("client_id") == "id_enabled");
}

TEST_CASE("calls that are processed together are refused individually") {
    web_fixture web;
    set_roles(web, std::set{role::write});
    const auto answer = web.get("/ctms/332de237-cab7-4461-bcc3-48e68f42bd5c");
    CHECK(answer.status == 403);
    CHECK(answer.body == lacks(role::read));
}

TEST_CASE("a client without roles has access to everything") {
    web_fixture web;
    for (const auto& route : web::all_routes()) {
        if (!route.needs_token()) continue;
        CAPTURE(std::string(route.method) + " " + std::string(route.path));
        const auto answer = call(web, route);
        CHECK(answer.status != 401);
        CHECK(answer.status != 403);
    }
}

TEST_CASE("roles that are set, changed and removed take effect after a few seconds") {
    web_fixture web;
    REQUIRE(web.get(path).status == 200);
    set_roles(web, std::set{role::write});
    CHECK(becomes_true([&] { return web.get(path).status == 403; }, 20s));
    set_roles(web, std::set{role::write, role::read});
    CHECK(becomes_true([&] { return web.get(path).status == 200; }, 20s));
    set_roles(web, std::set{role::updates});
    CHECK(becomes_true([&] { return web.get(path).status == 403; }, 20s));
    set_roles(web, std::nullopt);
    CHECK(becomes_true([&] { return web.get(path).status == 200; }, 20s));
}

TEST_CASE("a disabled client is refused as disabled, whatever its roles are") {
    web_fixture web;
    persistence::database db(web.database().options());
    REQUIRE(persistence::client_repository(db).set_roles(web_fixture::disabled_client, std::set{role::write}).has_value());
    const auto answer =
        web.ask("GET", path, {{"Authorization", "Bearer " + web.token_for(std::string("api_client:") + web_fixture::disabled_client)}});
    CHECK(answer.status == 400);
    CHECK(answer.body == R"({"detail":"API Client has been disabled"})");
}

TEST_CASE("any client gets a token, and platform calls need no role") {
    web_fixture web;
    set_roles(web, std::set{role::stripe});
    CHECK(web.ask("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}},
                  "client_id=id_enabled&client_secret=secret+of+the+tests")
              .status == 200);
    CHECK(web.ask("GET", "/__heartbeat__").status == 200);
}
