// SPDX-License-Identifier: MPL-2.0
// Failed attempts at /token are limited per client and address; the right secret always passes.
#include "support/web_fixture.hpp"

#include <ctms/auth/secrets.hpp>
#include <ctms/persistence/clients.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace ctms::test {
namespace {

http_answer ask_for_token(web_fixture& server, const std::string& client, const std::string& secret, header_list headers = {}) {
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    return server.ask("POST", "/token", headers, fmt::format("client_id={}&client_secret={}", client, secret));
}

web_fixture::options with_limit(int failures, std::vector<std::string> proxies = {}) {
    web_fixture::options out;
    out.change_settings = [=](config::settings& settings) {
        settings.token_failures_per_minute = failures;
        settings.trusted_proxies = proxies;
    };
    return out;
}

} // namespace

TEST_CASE("failures beyond the limit are answered 429 and the right secret still passes") {
    web_fixture server(with_limit(3));
    for (int i = 0; i < 3; ++i) CHECK(ask_for_token(server, web_fixture::client, "wrong").status == 400);
    const auto answer = ask_for_token(server, web_fixture::client, "wrong");
    CHECK(answer.status == 429);
    CHECK(answer.has_header("retry-after"));
    CHECK(answer.body.find("Too many failed attempts") != std::string::npos);
    CHECK(server.fields_of(answer).at("token_fail") == "Bad credentials");
    CHECK(ask_for_token(server, web_fixture::client, "secret%20of%20the%20tests").status == 200);
}

TEST_CASE("failures count once where an old secret is tried too, and the old secret passes beyond the limit") {
    web_fixture server(with_limit(2));
    persistence::database db(server.database().options());
    REQUIRE(persistence::client_repository(db)
                .set_hashed_secret(web_fixture::client, auth::hash_secret("new"), std::chrono::hours(1))
                .has_value());
    for (int i = 0; i < 2; ++i) CHECK(ask_for_token(server, web_fixture::client, "wrong").status == 400);
    CHECK(ask_for_token(server, web_fixture::client, "wrong").status == 429);
    CHECK(ask_for_token(server, web_fixture::client, "secret%20of%20the%20tests").status == 200);
    CHECK(ask_for_token(server, web_fixture::client, "new").status == 200);
}

TEST_CASE("each client has failures of its own") {
    web_fixture server(with_limit(1));
    CHECK(ask_for_token(server, "id_a", "wrong").status == 400);
    CHECK(ask_for_token(server, "id_a", "wrong").status == 429);
    CHECK(ask_for_token(server, "id_b", "wrong").status == 400);
}

TEST_CASE("a limit of 0 is none") {
    web_fixture server(with_limit(0));
    for (int i = 0; i < 150; ++i) CHECK(ask_for_token(server, "", "").status == 400);
}

TEST_CASE("behind a trusted proxy each forwarded address has failures of its own") {
    web_fixture server(with_limit(1, {"127.0.0.0/8"}));
    CHECK(ask_for_token(server, "id_a", "wrong", {{"X-Forwarded-For", "198.51.100.1"}}).status == 400);
    CHECK(ask_for_token(server, "id_a", "wrong", {{"X-Forwarded-For", "198.51.100.1"}}).status == 429);
    CHECK(ask_for_token(server, "id_a", "wrong", {{"X-Forwarded-For", "198.51.100.2"}}).status == 400);
}

TEST_CASE("a client that is no trusted proxy cannot choose its address") {
    web_fixture server(with_limit(1));
    CHECK(ask_for_token(server, "id_a", "wrong", {{"X-Forwarded-For", "198.51.100.1"}}).status == 400);
    CHECK(ask_for_token(server, "id_a", "wrong", {{"X-Forwarded-For", "198.51.100.2"}}).status == 429);
}

} // namespace ctms::test
