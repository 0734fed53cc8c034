// SPDX-License-Identifier: MPL-2.0
// Limits that an operator sets for an API client.
#include "bulk_client.hpp"

#include <persistence/clients/client_repository.hpp>

#include <support/web_fixture.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>
#include <web/server/route.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;
using model::client_limits;
using model::request_rate;

namespace {

constexpr auto target = "/ctms?primary_email=nobody";

void set_limits(web_fixture& web, const client_limits& limits, const std::string& client = web_fixture::client) {
    persistence::database db(web.database().options());
    REQUIRE(persistence::client_repository(db).set_limits(client, limits).has_value());
}

client_limits hourly(int burst) { return {.rate = request_rate{1, std::chrono::hours(1), burst}, .concurrency = {}}; }

/// The number at the end of a text is that of an hour, or up to a minute less, because time passes between the requests.
bool ends_in_an_hour(const std::string& text) {
    const auto seconds = std::stoi(text.substr(text.find_last_not_of("0123456789") + 1));
    return seconds > 3540 && seconds <= 3600;
}

/// The value of a metric, given as the beginning of its line.
std::string value_of(web_fixture& web, const std::string& beginning) {
    const auto text = "\n" + web.ask("GET", "/metrics").body;
    const auto at = text.find("\n" + beginning);
    if (at == std::string::npos) return "none";
    const auto from = at + 1 + beginning.size();
    return text.substr(from, text.find('\n', from) - from);
}

std::string metric(web_fixture& web, const std::string& limit) {
    return value_of(web, "ctms_client_limited_total{client_id=\"id_enabled\",limit=\"" + limit + "\"} ");
}

} // namespace

TEST_CASE("a client that exceeds its rate gets 429 with Retry-After and the fields of its limits") {
    web_fixture web;
    set_limits(web, hourly(3));
    for (int left = 2; left >= 0; --left) {
        const auto answer = web.get(target);
        CHECK(answer.status == 200);
        CHECK(answer.header("ratelimit-policy") == R"("rate";q=3;w=10800)");
        const auto state = answer.header("ratelimit");
        CHECK(state.starts_with(R"("rate";r=)" + std::to_string(left) + ";t="));
        CHECK(ends_in_an_hour(state));
    }
    CHECK(metric(web, "rate") == "0");
    for (const auto* method : {"GET", "HEAD"}) {
        const auto refused = web.send(method, target);
        CHECK(refused.status == 429);
        CHECK(ends_in_an_hour(refused.header("retry-after")));
        CHECK(refused.header("ratelimit") == R"("rate";r=0;t=)" + refused.header("retry-after"));
    }
    const auto refused = web.get(target);
    CHECK(refused.body == R"({"detail":"The limit of this client is 1 per 3600 s, with a burst of 3"})");
    CHECK(metric(web, "rate") == "3");
    CHECK(metric(web, "concurrency") == "0");
    const auto fields = web.fields_of(refused);
    CHECK(fields.at("limit_reached") == "rate");
    CHECK(fields.at("client_id") == web_fixture::client);
    CHECK(fields.at("status_code") == 429);
    const auto problem = web.ask("GET", target, {web.authorization(), {"Accept", "application/problem+json"}});
    CHECK(problem.status == 429);
    CHECK(problem.body.starts_with(
        R"({"type":"about:blank","title":"Too Many Requests","status":429,"detail":"The limit of this client is 1 per)"));
}

TEST_CASE("a client without limits has no such fields, and other clients are not affected") {
    web_fixture web;
    set_limits(web, hourly(1), web_fixture::disabled_client);
    for (int i = 0; i < 5; ++i) {
        const auto answer = web.get(target);
        CHECK(answer.status == 200);
        CHECK_FALSE(answer.has_header("ratelimit"));
        CHECK_FALSE(answer.has_header("ratelimit-policy"));
    }
    const auto disabled = web.ask("GET", target, {{"Authorization", "Bearer " + web.token_for("api_client:id_disabled")}});
    CHECK(disabled.status == 400); // the token is refused first, and nothing is said about limits
    CHECK_FALSE(disabled.has_header("ratelimit"));
}

TEST_CASE("every call that needs a token is limited, and no other") {
    web_fixture web;
    set_limits(web, hourly(1));
    REQUIRE(web.get(target).status == 200);
    for (const auto& route : web::all_routes()) {
        if (route.path == "/__crash__") continue;
        std::string path(route.path);
        if (const auto brace = path.find('{'); brace != std::string::npos) path.replace(brace, path.find('}') - brace + 1, "x");
        CAPTURE(std::string(route.method) + " " + path);
        const auto answer = web.send(route.method, path, route.takes == web::body_kind::json ? "{}" : "");
        CHECK((answer.status == 429) == route.needs_token());
    }
}

TEST_CASE("a refused write does nothing") {
    web_fixture web;
    set_limits(web, hourly(1));
    REQUIRE(web.get(target).status == 200);
    CHECK(web.post("/ctms", R"({"email":{"primary_email":"a@example.com"}})").status == 429);
    CHECK(web.sql("select from emails").empty());
}

TEST_CASE("a changed limit takes effect without a restart, even if the client is refused all the time") {
    web_fixture web;
    set_limits(web, hourly(1));
    CHECK(web.get(target).status == 200);
    CHECK(web.get(target).status == 429);
    set_limits(web, {});
    CHECK(becomes_true([&] { return web.get(target).status == 200; }));
    set_limits(web, hourly(1));
    CHECK(becomes_true([&] { return web.get(target).status == 429; }));
}

TEST_CASE("requests that wait count as in progress, and end with their answer") {
    web_fixture web;
    set_limits(web, {.rate = {}, .concurrency = 2});
    const auto id = web.add_contact(R"({"email":{"primary_email":"a@example.com"}})");
    const auto token = web.authorization();
    const auto text = [&](const std::string& path) {
        return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + token.first + ": " + token.second + "\r\n\r\n";
    };
    REQUIRE(web.ask("GET", target, {token}).status == 200); // from now on, the limits of this token's client are known
    persistence::connection other(web.database().options());
    other.begin();
    other.execute("lock table emails");
    std::vector<std::unique_ptr<http_connection>> waiting;
    for (int i = 0; i < 2; ++i) {
        waiting.push_back(std::make_unique<http_connection>(web.port()));
        REQUIRE(waiting.back()->send(text("/ctms/" + id)));
    }
    REQUIRE(becomes_true([&] { return value_of(web, "ctms_requests_in_flight ") == "3"; })); // they, and the one that asks
    const auto refused = web.ask("GET", "/identity/" + id, {token});
    CHECK(refused.status == 429);
    CHECK(refused.body == R"({"detail":"The limit of requests in progress of this client is 2"})");
    CHECK(refused.header("retry-after") == "1");
    CHECK(refused.header("ratelimit") == R"("concurrency";r=0)");
    CHECK(web.fields_of(refused).at("limit_reached") == "concurrency");
    CHECK(metric(web, "concurrency") == "1");
    other.rollback();
    for (auto& one : waiting) CHECK(one->receive().status == 200);
    CHECK(web.ask("GET", "/identity/" + id, {token}).status == 200);
}

TEST_CASE("an open event stream is not a request in progress") {
    web_fixture web;
    set_limits(web, {.rate = {}, .concurrency = 1});
    http_connection stream(web.port());
    REQUIRE(stream.send("GET /changes HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: " +
                        web.authorization().second + "\r\n\r\n"));
    REQUIRE(becomes_true([&] { return stream.has_input(10ms); }));
    CHECK(becomes_true([&] { return web.get(target).status == 200; }));
}

TEST_CASE("a request beyond the limit of its address uses up no limit of its client") {
    web_fixture web({.change_settings = [](config::settings& settings) {
        settings.connections_per_address = 1;
        settings.trusted_proxies = {"127.0.0.0/8"};
    }});
    set_limits(web, hourly(5));
    const auto ask = [&](const char* address) { return web.ask("GET", target, {web.authorization(), {"X-Forwarded-For", address}}); };
    CHECK(ask("192.0.2.1").header("ratelimit").starts_with(R"("rate";r=4;)"));
    http_connection slow(web.port());
    REQUIRE(slow.send("POST /ctms HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 10\r\n\r\n{"));
    REQUIRE(becomes_true([&] { return web.ask("GET", "/__lbheartbeat__", {{"X-Forwarded-For", "192.0.2.1"}}).status == 429; }));
    for (int i = 0; i < 10; ++i) {
        const auto refused = ask("192.0.2.1");
        CHECK(refused.status == 429);
        CHECK_FALSE(refused.has_header("ratelimit"));
    }
    CHECK(ask("192.0.2.2").header("ratelimit").starts_with(R"("rate";r=3;)"));
    CHECK(metric(web, "rate") == "0");
}

TEST_CASE("a stream that was opened with a new token takes turns as its client, and leaves a thread to others") {
    web_fixture web;
    web.sql("insert into api_client (client_id, email, hashed_secret) values ('id_streams', 's@example.com', '')");
    const auto id = web.add_contact(R"({"email":{"primary_email":"a@example.com"}})");
    const header_list headers{{"Authorization", "Bearer " + web.token_for("api_client:id_streams")}};
    bulk_client first(web.port(), headers);
    REQUIRE(first.status() == 200);
    bulk_client second(web.port(), headers);
    REQUIRE(second.status() == 200);
    int number = 0;
    const auto write = [&] {
        const auto address = "b" + std::to_string(++number) + "@example.com";
        CHECK(web.post("/ctms", R"({"email":{"primary_email":")" + address + "\"}}").status == 201);
    };
    persistence::connection other(web.database().options());
    bool writes_while_they_wait = false;
    // Again if the machine was so busy that the statement waited too long for the lock, or the other client seemed to be gone.
    for (int attempt = 0; attempt < 5 && !writes_while_they_wait; ++attempt) {
        other.begin();
        other.execute("select from emails where email_id = '" + id + "' for update");
        write();
        const auto line = R"({"op":"patch","email_id":")" + id + R"(","email":{"first_name":"N)" + std::to_string(attempt) + "\"}}\n";
        REQUIRE(first.send(line));
        REQUIRE(second.send(line));
        CHECK(becomes_true([&] { return !web.sql("select from pg_locks where not granted").empty(); }));
        for (int i = 0; i < 3; ++i) write();
        writes_while_they_wait = !first.has_line(1ms) && !second.has_line(1ms);
        other.rollback();
        CHECK(first.next().has_value());
        CHECK(second.next().has_value());
    }
    CHECK(writes_while_they_wait);
}
