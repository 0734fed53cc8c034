// SPDX-License-Identifier: MPL-2.0
// Attempts at /token are limited by address and by pair of client and address before anything is hashed; a secret that was right
// recently always passes.
#include "support/web_fixture.hpp"

#include <auth/secrets.hpp>
#include <persistence/clients/client_repository.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <fstream>
#include <thread>
#include <vector>

namespace ctms::test {
namespace {

constexpr auto right = "secret%20of%20the%20tests";

http_answer ask_for_token(web_fixture& server, const std::string& client, const std::string& secret, header_list headers = {}) {
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    return server.ask("POST", "/token", headers, fmt::format("client_id={}&client_secret={}", client, secret));
}

http_answer ask_from(web_fixture& server, const std::string& address, const std::string& client, const std::string& secret) {
    return ask_for_token(server, client, secret, {{"X-Forwarded-For", address}});
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

TEST_CASE("attempts above the limit get 429, and a secret that was right before still passes") {
    web_fixture server(with_limit(3));
    CHECK(ask_for_token(server, web_fixture::client, right).status == 200);
    for (int i = 0; i < 3; ++i) CHECK(ask_for_token(server, web_fixture::client, "wrong").status == 400);
    const auto answer = ask_for_token(server, web_fixture::client, "wrong");
    CHECK(answer.status == 429);
    CHECK(answer.has_header("retry-after"));
    CHECK(answer.body.find("Too many failed attempts") != std::string::npos);
    CHECK(server.fields_of(answer).at("token_fail") == "Too many attempts");
    CHECK(ask_for_token(server, web_fixture::client, right).status == 200);
}

TEST_CASE("nothing is hashed above the limit") {
    web_fixture server(with_limit(1));
    CHECK(ask_for_token(server, "id_nobody", "wrong").status == 400); // takes as long as a whole hash, although the client does not exist
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 300; ++i) CHECK(ask_for_token(server, "id_nobody", "wrong").status == 429);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10)); // hashing would take 30 s
}

TEST_CASE("attempts with the right secret do not count") {
    web_fixture server(with_limit(1));
    for (int i = 0; i < 5; ++i) CHECK(ask_for_token(server, web_fixture::client, right).status == 200);
    CHECK(ask_for_token(server, web_fixture::client, "wrong").status == 400);
}

TEST_CASE("an attempt that also checks an old secret counts once, and the old secret passes above the limit") {
    web_fixture server(with_limit(2));
    persistence::database db(server.database().options());
    REQUIRE(persistence::client_repository(db)
                .set_hashed_secret(web_fixture::client, auth::hash_secret("new"), std::chrono::hours(1))
                .has_value());
    CHECK(ask_for_token(server, web_fixture::client, right).status == 200);
    CHECK(ask_for_token(server, web_fixture::client, "new").status == 200);
    for (int i = 0; i < 2; ++i) CHECK(ask_for_token(server, web_fixture::client, "wrong").status == 400);
    CHECK(ask_for_token(server, web_fixture::client, "wrong").status == 429);
    CHECK(ask_for_token(server, web_fixture::client, right).status == 200);
    CHECK(ask_for_token(server, web_fixture::client, "new").status == 200);
    server.sql("update ctms_client_old_secrets set valid_until = now()");
    CHECK(ask_for_token(server, web_fixture::client, right).status == 429);
    CHECK(ask_for_token(server, web_fixture::client, "new").status == 200);
}

TEST_CASE("each client has its own attempts, and an address has twice as many") {
    web_fixture server(with_limit(1));
    CHECK(ask_for_token(server, "id_a", "wrong").status == 400);
    CHECK(ask_for_token(server, "id_a", "wrong").status == 429);
    CHECK(ask_for_token(server, "id_b", "wrong").status == 400);
    CHECK(ask_for_token(server, "id_c", "wrong").status == 429);
}

TEST_CASE("a limit of 0 means no limit") {
    web_fixture server(with_limit(0));
    for (int i = 0; i < 150; ++i) CHECK(ask_for_token(server, "", "").status == 400);
    for (int i = 0; i < 3; ++i) CHECK(ask_for_token(server, "id_a", "wrong").status == 400);
}

TEST_CASE("attempts from other addresses do not lock a client out") {
    web_fixture server(with_limit(1, {"127.0.0.0/8"}));
    CHECK(ask_from(server, "198.51.100.1", web_fixture::client, "wrong").status == 400);
    CHECK(ask_from(server, "198.51.100.1", web_fixture::client, right).status == 429);
    CHECK(ask_from(server, "198.51.100.2", web_fixture::client, right).status == 200);
    CHECK(ask_from(server, "198.51.100.1", web_fixture::client, right).status == 200); // the secret is remembered now
}

TEST_CASE("the addresses of one IPv6 network count as one address") {
    web_fixture server(with_limit(1, {"127.0.0.0/8"}));
    CHECK(ask_from(server, "2001:db8:1:2::1", "id_a", "wrong").status == 400);
    CHECK(ask_from(server, "2001:db8:1:2:3:4:5:6", "id_a", "wrong").status == 429);
    CHECK(ask_from(server, "2001:db8:1:3::1", "id_a", "wrong").status == 400);
}

TEST_CASE("a client that is not a trusted proxy cannot choose its address") {
    web_fixture server(with_limit(1));
    CHECK(ask_from(server, "198.51.100.1", "id_a", "wrong").status == 400);
    CHECK(ask_from(server, "198.51.100.2", "id_a", "wrong").status == 429);
}

TEST_CASE("a secret is forgotten when its client's record changes") {
    web_fixture server;
    REQUIRE(ask_for_token(server, web_fixture::client, right).status == 200);
    SUBCASE("disabled") { server.sql("update api_client set enabled = false where client_id = 'id_enabled'"); }
    SUBCASE("deleted") { server.sql("delete from api_client where client_id = 'id_enabled'"); }
    SUBCASE("replaced") {
        server.sql(fmt::format("update api_client set hashed_secret = '{}' where client_id = 'id_enabled'", auth::hash_secret("new")));
    }
    const auto answer = ask_for_token(server, web_fixture::client, right);
    CHECK(answer.status == 400);
    CHECK(answer.body == R"({"detail":"Incorrect username or password","error":"invalid_client"})");
}

TEST_CASE("many wrong secrets from one address delay another address by one hash and a remembered secret not at all") {
    web_fixture server(with_limit(1000, {"127.0.0.0/8"}));
    REQUIRE(ask_from(server, "192.0.2.1", web_fixture::client, right).status == 200);
    std::atomic<int> answered{0};
    std::vector<std::jthread> flood;
    for (int i = 0; i < 30; ++i) {
        flood.emplace_back([&, i] {
            try {
                (void)ask_from(server, "198.51.100.1", fmt::format("id_{}", i), "wrong");
            } catch (const std::exception&) { // no response in time: on a busy machine the last ones wait for a long time
            }
            ++answered;
        });
    }
    REQUIRE(becomes_true([&] { return answered > 0; }));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(ask_from(server, "192.0.2.1", web_fixture::client, right).status == 200);
    CHECK(answered < 15); // it did not wait for the others
    CHECK(ask_from(server, "192.0.2.2", web_fixture::client, "new here").status == 400);
    CHECK(answered < 25);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("only the start of a long client id is logged") {
    web_fixture server;
    const auto answer = ask_for_token(server, "x" + std::string(40'000, 'y'), "wrong");
    CHECK(answer.status == 400);
    CHECK(server.fields_of(answer).at("client_id").as_string() == "x" + std::string(254, 'y'));
    const auto umlauts = ask_for_token(server, "x" + std::string(127, 'y') + "%C3%A9%C3%A9" + std::string(200, 'z'), "wrong");
    CHECK(umlauts.status == 400);
}

TEST_CASE("a form has at most a thousand fields") {
    web_fixture server;
    std::string form;
    for (int i = 0; i < 1001; ++i) form += "a=1&";
    const auto answer = server.ask("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}}, form + "client_id=x");
    CHECK(answer.status == 400);
    CHECK(answer.body == R"({"detail":"There was an error parsing the body","error":"invalid_request"})");
}

TEST_CASE("a large body is read only if the token is valid") {
    web_fixture server;
    for (const std::size_t size : {8U * 1024, 64U * 1024}) {
        const std::string no_json(size, '[');
        const auto without = server.ask("POST", "/ctms", {{"Content-Type", "application/json"}}, no_json);
        CHECK(without.status == (size < 16 * 1024 ? 422 : 401));
        const auto with = server.ask("POST", "/ctms", {{"Content-Type", "application/json"}, server.authorization()}, no_json);
        CHECK(with.status == 422);
        CHECK(with.body.size() < 4096);
    }
}

// The sanitizers reserve terabytes of address space.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("without memory for a hash the response is 503 and the attempt does not count") {
    web_fixture server(with_limit(1));
    REQUIRE(ask_for_token(server, web_fixture::client, right).status == 200);
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
    std::ifstream statm("/proc/self/statm");
    std::size_t pages = 0;
    statm >> pages;
    REQUIRE(pages > 0);
    constexpr std::size_t spare = 24 * 1024 * 1024; // a hash takes 64 MiB
    rlimit tight = before;
    tight.rlim_cur = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + spare;
    REQUIRE(setrlimit(RLIMIT_AS, &tight) == 0);
    std::vector<http_answer> answers;
    for (int i = 0; i < 3; ++i) answers.push_back(ask_for_token(server, "id_nobody", "wrong"));
    const auto remembered = ask_for_token(server, web_fixture::client, right);
    REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
    for (const auto& answer : answers) {
        CHECK(answer.status == 503);
        CHECK(server.fields_of(answer).at("error") == "not enough memory to verify a secret");
    }
    CHECK(remembered.status == 200);
    CHECK(ask_for_token(server, "id_nobody", "wrong").status == 400);
}
#endif

} // namespace ctms::test
