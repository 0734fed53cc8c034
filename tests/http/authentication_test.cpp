// SPDX-License-Identifier: MPL-2.0
#include <support/closed_database.hpp>
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>
#include <web/server/route.hpp>

#include <algorithm>
#include <string>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto path = "/ctms?primary_email=nobody";

void check_refused(web_fixture& web, const header_list& headers, int status, const std::string& detail, const std::string& reason,
                   const std::string& client = {}) {
    const std::string sent = headers.empty() ? "nothing" : headers.front().second;
    CAPTURE(sent);
    const auto answer = web.ask("GET", path, headers);
    CHECK(answer.status == status);
    CHECK(answer.body == R"({"detail":")" + detail + R"("})");
    CHECK(answer.header("www-authenticate") == (status == 401 ? "Bearer" : ""));
    const auto fields = web.fields_of(answer);
    if (reason.empty()) {
        CHECK_FALSE(fields.contains("auth_fail"));
        CHECK_FALSE(fields.contains("client_allowed"));
    } else {
        CHECK(fields.at("auth_fail").as_string() == reason);
        CHECK_FALSE(fields.at("client_allowed").as_bool());
    }
    CHECK(fields.contains("client_id") == !client.empty());
    if (!client.empty()) CHECK(fields.at("client_id").as_string() == client);
}

header_list bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

} // namespace

TEST_CASE("a request with a valid token is answered and logged with its client") {
    web_fixture web;
    const auto answer = web.get(path);
    CHECK(answer.status == 200);
    CHECK(answer.body == "[]");
    const auto fields = web.fields_of(answer);
    CHECK(fields.at("client_id") == "id_enabled");
    CHECK(fields.at("client_allowed").as_bool());
    CHECK_FALSE(fields.contains("auth_fail"));
    const std::string message(fields.at("msg").as_string());
    CHECK(message.starts_with("127.0.0.1:"));
    CHECK(message.ends_with(" id_enabled 'GET /ctms HTTP/1.1' 200"));
    CHECK(web.log_text().find(web.authorization().second) == std::string::npos);
}

TEST_CASE("a client that cannot be checked because the database is away is answered with 503, and the log does not call it refused") {
    web_fixture web;
    const auto token = web.token_for("api_client:id_enabled");
    const closed_database away(web.database());
    const auto answer = web.ask("GET", path, bearer(token));
    CHECK(answer.status == 503);
    const auto fields = web.fields_of(answer);
    CHECK_FALSE(fields.contains("client_allowed"));
    CHECK_FALSE(fields.contains("auth_fail"));
    CHECK(fields.contains("error"));
}

TEST_CASE("the scheme of a token may be written in any case") {
    web_fixture web;
    const auto token = web.token_for("api_client:id_enabled");
    CHECK(web.ask("GET", path, {{"Authorization", "bEARER " + token}}).status == 200);
}

TEST_CASE("a request without a token is not authenticated") {
    web_fixture web;
    check_refused(web, {}, 401, "Not authenticated", "");
    check_refused(web, {{"Authorization", "Basic aWRfZW5hYmxlZDpzZWNyZXQgb2YgdGhlIHRlc3Rz"}}, 401, "Not authenticated", "");
    check_refused(web, {{"Authorization", web.token_for("api_client:id_enabled")}}, 401, "Not authenticated", "");
}

TEST_CASE("an invalid token is refused") {
    web_fixture web;
    const auto token = web.token_for("api_client:id_enabled");
    const std::string detail = "Could not validate credentials";
    check_refused(web, {{"Authorization", "Bearer"}}, 401, detail, "No or bad token");
    check_refused(web, {{"Authorization", "Bearer  " + token}}, 401, detail, "No or bad token");
    check_refused(web, bearer("x.y.z"), 401, detail, "No or bad token");
    check_refused(web, bearer(token.substr(0, token.size() - 2)), 401, detail, "No or bad token");
    check_refused(web, bearer(web.token_for("no colon")), 401, detail, "No or bad token");
}

TEST_CASE("a token with another namespace or an unknown client is refused") {
    web_fixture web;
    const std::string detail = "Could not validate credentials";
    check_refused(web, bearer(web.token_for("user:id_enabled")), 401, detail, "Bad namespace", "id_enabled");
    check_refused(web, bearer(web.token_for("api_client:id_nobody")), 401, detail, "No client record", "id_nobody");
}

TEST_CASE("a token of a disabled client is refused") {
    web_fixture web;
    check_refused(web, bearer(web.token_for("api_client:id_disabled")), 400, "API Client has been disabled", "Client disabled",
                  "id_disabled");
}

TEST_CASE("a client that is disabled in the database is refused within five seconds, and accepted after it is enabled") {
    web_fixture web;
    REQUIRE(web.get(path).status == 200);
    web.sql("update api_client set enabled = false where client_id = 'id_enabled'");
    CHECK(becomes_true([&] { return web.get(path).status == 400; }, 5s));
    web.sql("update api_client set enabled = true where client_id = 'id_enabled'");
    CHECK(becomes_true([&] { return web.get(path).status == 200; }, 5s));
}

TEST_CASE("a token is checked after the body is parsed and before it is validated") {
    web_fixture web;
    CHECK(web.ask("GET", "/ctms/x").status == 401);
    CHECK(web.ask("GET", "/ctms").status == 401);
    CHECK(web.ask("POST", "/ctms", {{"Content-Type", "application/json"}}, "{}").status == 401);
    CHECK(web.ask("POST", "/ctms", {{"Content-Type", "application/json"}}, "{").status == 422);
    CHECK(web.ask("POST", "/ctms", {{"Content-Type", "application/x-www-form-urlencoded"}}, "a=b").status == 400);
}

TEST_CASE("every route that needs a token refuses requests without one") {
    web_fixture web;
    for (const auto& route : ctms::web::all_routes()) {
        if (!route.needs_token()) continue;
        CAPTURE(std::string(route.method));
        CAPTURE(std::string(route.path));
        std::string target(route.path);
        if (const auto brace = target.find('{'); brace != std::string::npos) target.replace(brace, target.find('}') - brace + 1, "x");
        const auto body = route.takes == ctms::web::body_kind::json ? "{}" : "";
        const auto answer = web.ask(route.method, target, {{"Content-Type", "application/json"}}, body);
        CHECK(answer.status == 401);
        CHECK(answer.body == R"({"detail":"Not authenticated"})");
    }
}
