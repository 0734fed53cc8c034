// SPDX-License-Identifier: MPL-2.0
// Access tokens end when the secret or the record of their client is replaced.
#include "support/web_fixture.hpp"

#include <auth/secrets.hpp>
#include <ctms/auth/access_token.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/api_clients.hpp>
#include <ctms/service/tokens.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <chrono>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

constexpr auto target = "/ctms?primary_email=nobody";
constexpr auto key = "key of these tests, longer than 32 bytes";

web_fixture::options with_keys(const std::string& previous = {}) {
    web_fixture::options out;
    out.change_settings = [=](config::settings& settings) {
        settings.secret_key = key;
        settings.secret_key_previous = previous;
    };
    return out;
}

std::string token_for_secret(web_fixture& web, const std::string& secret) {
    const auto answer = web.ask("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}},
                                fmt::format("client_id={}&client_secret={}", web_fixture::client, secret));
    REQUIRE(answer.status == 200);
    return std::string(boost::json::parse(answer.body).at("access_token").as_string());
}

http_answer ask_with(web_fixture& web, const std::string& token) { return web.ask("GET", target, {{"Authorization", "Bearer " + token}}); }

void check_good(web_fixture& web, const std::string& token) { CHECK(ask_with(web, token).status == 200); }

void check_revoked(web_fixture& web, const std::string& token) {
    http_answer answer;
    // Another process changed the record: the server reads it again within four seconds.
    REQUIRE(becomes_true([&] { return (answer = ask_with(web, token)).status != 200; }));
    CHECK(answer.status == 401);
    CHECK(answer.body == R"({"detail":"Could not validate credentials"})");
    CHECK(web.fields_of(answer).at("auth_fail") == "Token revoked");
    CHECK(web.fields_of(answer).at("client_id") == web_fixture::client);
}

/// Replaces the secret of the client and returns the new one.
std::string rotate(web_fixture& web, std::chrono::seconds keep_old) {
    persistence::database db(web.database().options());
    return service::api_clients(db).rotate_secret(web_fixture::client, keep_old).value().secret;
}

/// The tokens of another process, which remembers clients for an hour.
struct long_memory {
    explicit long_memory(web_fixture& web) : db(web.database().options()) {}
    persistence::database db;
    const auth::token_signer signer{key, true};
    service::tokens tokens{db, signer, {.client_cache_time = 1h}};
};

/// Returns a token as another program signs it.
std::string foreign_token(std::chrono::seconds ends_in, std::string_view signed_with = key) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return auth::token_signer(std::string(signed_with), true).sign("api_client:id_enabled", now + ends_in);
}

constexpr auto old_secret = "secret+of+the+tests";

} // namespace

TEST_CASE("a token ends when its secret is replaced, and a token for the new secret is valid immediately") {
    web_fixture web(with_keys());
    const auto before = token_for_secret(web, old_secret);
    check_good(web, before);
    const auto new_secret = rotate(web, 0s);
    check_good(web, token_for_secret(web, new_secret)); // although the record was read recently
    check_revoked(web, before);
    check_good(web, token_for_secret(web, new_secret));
}

TEST_CASE("a token remains valid during the grace period of its secret") {
    web_fixture web(with_keys());
    const auto before = token_for_secret(web, old_secret);
    rotate(web, 1h);
    check_good(web, before);
    check_good(web, token_for_secret(web, old_secret));
    web.sql("update ctms_client_old_secrets set valid_until = now()");
    check_revoked(web, before);
}

TEST_CASE("a token of an old secret ends with the grace period of that secret") {
    web_fixture web(with_keys());
    const auto new_secret = rotate(web, 1h);
    const auto hashed = token_for_secret(web, old_secret);
    const auto remembered = token_for_secret(web, old_secret); // the secret is not hashed again
    const auto of_new = token_for_secret(web, new_secret);
    for (const auto& token : {hashed, remembered, of_new}) check_good(web, token);
    web.sql("update ctms_client_old_secrets set valid_until = now()");
    check_revoked(web, hashed);
    check_revoked(web, remembered);
    check_good(web, of_new);
}

TEST_CASE("for revoked tokens the client's record is read once per cache time, and newer tokens are still accepted") {
    web_fixture web;
    long_memory process(web);
    auto& judge = process.tokens;
    long_memory other_process(web);
    auto& issuer = other_process.tokens;
    const auto verdict = [&](const std::string& token) {
        const auto outcome = judge.authenticate(token, model::role::read).verdict;
        return outcome ? "good" : outcome.error().detail;
    };
    const auto granted = [&] { return issuer.grant(web_fixture::client).value().access_token; };
    const auto first = granted();
    CHECK(verdict(first) == "good");
    rotate(web, 0s);
    const auto second = granted();
    CHECK(verdict(second) == "good");
    CHECK(verdict(first) == "Token revoked");
    rotate(web, 0s);
    const auto third = granted();
    CHECK(verdict(first) == "Token revoked");
    CHECK(verdict(third) == "good"); // read again, although a revoked token of this client was checked recently
    CHECK(verdict(second) == "Token revoked");
    web.sql("alter table api_client rename to gone");
    for (int i = 0; i < 3; ++i) {
        CHECK(verdict(first) == "Token revoked");
        CHECK(verdict(second) == "Token revoked");
        CHECK(verdict(third) == "good");
    }
    web.sql("alter table gone rename to api_client");
}

TEST_CASE("a token ends when the Python service replaces the secret or when the client is created again") {
    web_fixture web(with_keys());
    const auto before = token_for_secret(web, old_secret);
    check_good(web, before);
    SUBCASE("replaced") { web.sql("update api_client set hashed_secret = 'x', update_timestamp = now() where client_id = 'id_enabled'"); }
    SUBCASE("deleted and created again with the same secret") {
        web.sql("create temporary table kept as select * from api_client where client_id = 'id_enabled';"
                "delete from api_client where client_id = 'id_enabled'");
        web.sql("insert into api_client (client_id, email, enabled, hashed_secret)"
                " select client_id, email, enabled, hashed_secret from kept");
    }
    check_revoked(web, before);
}

TEST_CASE("a token of a client that was created again is valid immediately, although the server knew that the client was gone") {
    web_fixture web(with_keys());
    const auto before = token_for_secret(web, old_secret);
    web.sql("create table kept as select * from api_client where client_id = 'id_enabled';"
            "delete from api_client where client_id = 'id_enabled'");
    CHECK(becomes_true([&] { return ask_with(web, before).status == 401; }));
    persistence::database db(web.database().options());
    const auth::token_signer signer(key, true);
    service::tokens other_process(db, signer, {});
    web.sql("insert into api_client (client_id, email, enabled, hashed_secret) select client_id, email, enabled, hashed_secret from kept");
    check_good(web, other_process.grant(web_fixture::client).value().access_token);
    check_revoked(web, before);
}

TEST_CASE("for tokens of unknown clients the database is asked at most twice per token and cache time") {
    web_fixture web;
    long_memory process(web);
    auto& judge = process.tokens;
    const auto reason = [&](const std::string& token) { return judge.authenticate(token, model::role::read).verdict.error().detail; };
    const auto end = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 1h;
    const auto first = process.signer.sign("api_client:id_nobody", end);
    const auto second = process.signer.sign("api_client:id_nobody", end + 1s);
    CHECK(reason(first) == "No client record");
    CHECK(reason(second) == "No client record");
    web.sql("alter table api_client rename to gone");
    for (int i = 0; i < 3; ++i) {
        CHECK(reason(first) == "No client record");
        CHECK(reason(second) == "No client record");
    }
    web.sql("alter table gone rename to api_client");
}

TEST_CASE("only the database's clock decides whether the grace period of an old secret has passed") {
    web_fixture web;
    const auto new_secret = rotate(web, 1h);
    // For new connections the database's clock is two hours slow: for the server, the grace period passed an hour ago.
    web.sql("update ctms_client_old_secrets set valid_until = now() - interval '1 hour';"
            "create schema slow;"
            "create function slow.now() returns timestamptz language sql as $$ select pg_catalog.now() - interval '2 hours' $$;"
            "do $$ begin execute format('alter database %I set search_path = slow, public, pg_catalog', current_database()); end $$");
    persistence::database db(web.database().options());
    const auth::token_signer signer(key, true);
    service::tokens tokens(db, signer, {});
    bool exists = false;
    CHECK(tokens.issue(web_fixture::client, web_fixture::secret, "192.0.2.1", exists).has_value());
    CHECK(tokens.issue(web_fixture::client, new_secret, "192.0.2.1", exists).has_value());
    web.sql("update ctms_client_old_secrets set valid_until = now() - interval '3 hours'");
    CHECK_FALSE(tokens.issue(web_fixture::client, web_fixture::secret, "192.0.2.1", exists).has_value());
}

TEST_CASE("a token that was accepted ends when it expires") {
    web_fixture web(with_keys());
    const auto token = foreign_token(3s);
    check_good(web, token);
    http_answer answer;
    REQUIRE(becomes_true([&] { return (answer = ask_with(web, token)).status != 200; }));
    CHECK(answer.status == 401);
    CHECK(web.fields_of(answer).at("auth_fail") == "No or bad token");
    CHECK(ask_with(web, token).status == 401);
    check_good(web, foreign_token(3600s));
}

TEST_CASE("a token remains valid when something other than its secret changes") {
    web_fixture web(with_keys());
    const auto before = token_for_secret(web, old_secret);
    web.sql("update api_client set enabled = false, update_timestamp = now() where client_id = 'id_enabled'");
    CHECK(becomes_true([&] { return ask_with(web, before).status == 400; }));
    web.sql("update api_client set enabled = true, update_timestamp = now(), hashed_secret = hashed_secret where client_id = 'id_enabled'");
    CHECK(becomes_true([&] { return ask_with(web, before).status == 200; }));
}

TEST_CASE("tokens from the Python service count as issued one token lifetime before they expire") {
    web_fixture web(with_keys());
    const auto first = foreign_token(3600s - 60s); // issued a minute ago
    const auto short_lived = foreign_token(10s);   // nothing was revoked: valid
    check_good(web, first);
    check_good(web, short_lived);
    rotate(web, 0s);
    check_revoked(web, first);
    check_good(web, foreign_token(3600s)); // issued now
}

TEST_CASE("the previous key verifies tokens and no longer signs") {
    constexpr auto previous = "the key before, longer than 32 bytes too";
    web_fixture web(with_keys(previous));
    check_good(web, foreign_token(3600s, previous));
    check_good(web, foreign_token(3600s, key));
    CHECK(ask_with(web, foreign_token(3600s, "a third key, longer than 32 bytes as well")).status == 401);
    const auto made = token_for_secret(web, old_secret);
    const auto now = std::chrono::system_clock::now();
    CHECK(auth::token_signer(key, false).verify(made, now));
    CHECK_FALSE(auth::token_signer(previous, false).verify(made, now));
}

TEST_CASE("a token contains the time when it was issued") {
    web_fixture web(with_keys());
    const auto before = std::chrono::system_clock::now();
    const auto claims = auth::token_signer(key, false).verify(token_for_secret(web, old_secret), before);
    REQUIRE(claims);
    REQUIRE(claims->issued_at);
    const auto seconds = std::chrono::duration<double>(before.time_since_epoch()).count();
    CHECK(*claims->issued_at > seconds - 2);
    CHECK(*claims->issued_at < seconds + 60);
    CHECK(*claims->expires_at == *claims->issued_at + 3600);
}

} // namespace ctms::test
