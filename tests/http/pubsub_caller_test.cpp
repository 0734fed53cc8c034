// SPDX-License-Identifier: MPL-2.0
// Which callers may push to POST /stripe_from_pubsub, and what the log and the metrics report about them.
#include "support/google_push.hpp"
#include "support/pubsub_messages.hpp"
#include "support/raw_server.hpp"
#include "support/stripe_objects.hpp"

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace ctms::test {
namespace {

using namespace stripe_objects;
namespace bj = boost::json;

constexpr auto not_authenticated = R"({"detail":"Not authenticated"})";
constexpr auto not_validated = R"({"detail":"Could not validate credentials"})";
constexpr auto unavailable = R"({"detail":"Service temporarily unavailable"})";

const std::string& message() {
    static const auto text = envelope_of(bj::serialize(customer()));
    return text;
}

bool is_stored(web_fixture& web) { return !web.sql("select 1 from stripe_customer").empty(); }

/// Pushes a customer that must be refused and not stored, and returns the reason from the log.
std::string refusal(pushed_server& server, std::string_view token, std::string_view target = google_push::path) {
    const auto answer = google_push::send(server.web, message(), token, target);
    CHECK(answer.status == 401);
    CHECK(answer.body == not_validated);
    CHECK(answer.header("www-authenticate") == "Bearer");
    CHECK_FALSE(is_stored(server.web));
    const auto line = server.web.line_of(answer);
    CHECK(line.at("Severity") == 6);
    const auto& fields = line.at("Fields").as_object();
    CHECK(fields.at("client_allowed") == false);
    CHECK_FALSE(fields.contains("error"));
    return std::string(fields.at("auth_fail").as_string());
}

std::string refusal_of(pushed_server& server, const std::string& claim, bj::value value) {
    return refusal(server, google_push::token(with(google_push::claims(), claim, std::move(value))));
}

/// Checks that the response is 503 and logged as an error, and returns the error.
std::string failure(web_fixture& web, const http_answer& answer) {
    CHECK(answer.status == 503);
    CHECK(answer.body == unavailable);
    const auto line = web.line_of(answer);
    CHECK(line.at("Severity") == 3);
    const auto& fields = line.at("Fields").as_object();
    CHECK_FALSE(fields.contains("client_allowed"));
    CHECK_FALSE(fields.contains("auth_fail"));
    return std::string(fields.at("error").as_string());
}

std::vector<std::string> claims_in(const bj::object& fields) {
    std::vector<std::string> out;
    for (const auto& [name, value] : fields) {
        if (name.starts_with("pubsub_")) out.push_back(std::string(name) + "=" + bj::serialize(value));
    }
    return out;
}

} // namespace

TEST_CASE("Pub/Sub: a push without a bearer token is refused, whatever the settings and the body are") {
    pushed_server configured;
    web_fixture not_configured;
    for (auto* web : {&configured.web, &not_configured}) {
        for (const header_list& headers : {header_list{}, header_list{{"Authorization", "Basic aWQ6c2VjcmV0"}}}) {
            for (const std::string& body : {message(), std::string("{"), std::string()}) {
                const auto answer = web->ask("POST", google_push::path, headers, body);
                CHECK(answer.status == 401);
                CHECK(answer.body == not_authenticated);
                const auto fields = web->fields_of(answer);
                CHECK_FALSE(fields.contains("client_allowed"));
                CHECK_FALSE(fields.contains("auth_fail"));
                CHECK_FALSE(fields.contains("error"));
            }
        }
        CHECK_FALSE(is_stored(*web));
    }
}

TEST_CASE("Pub/Sub: without its settings the endpoint is unavailable, and the log names the missing ones") {
    for (const std::string set : {"", "client", "email"}) {
        CAPTURE(set);
        pushed_server server([set](config::settings& settings) {
            if (set != "client") settings.pubsub_client.reset();
            if (set != "email") settings.pubsub_email.reset();
        });
        const auto said = failure(server.web, server.push(customer()));
        CHECK(said.find("CTMS_PUBSUB_CLIENT") != std::string::npos);
        CHECK(said.find("CTMS_PUBSUB_EMAIL") != std::string::npos);
        failure(server.web, google_push::send(server.web, message(), "", "/stripe_from_pubsub"));
        CHECK_FALSE(is_stored(server.web));
        CHECK(server.google.fetches() == 0);
    }
}

TEST_CASE("Pub/Sub: a push with a wrong secret is refused before anything else is checked") {
    pushed_server server;
    const auto token = google_push::token();
    const std::string path = "/stripe_from_pubsub";
    for (const std::string query : {"", "?", "?pubsub_client", "?pubsub_client=", "?pubsub_client=wrong", "?pubsub_client=secret_of_pushe",
                                    "?pubsub_client=secret_of_pushes1", "?pubsub_client=Secret_of_pushes", "?client=secret_of_pushes"}) {
        CAPTURE(query);
        CHECK(refusal(server, token, path + query) == "Verification mismatch");
        CHECK(refusal(server, "no token", path + query) == "Verification mismatch");
    }
    CHECK(server.google.fetches() == 0);
}

TEST_CASE("Pub/Sub: a token with a key that Google does not have is refused") {
    pushed_server server;
    const auto other = google_key::rsa("another key");
    CHECK(refusal(server, other.token(bj::serialize(google_push::claims()))) == "Unknown key");
    CHECK(refusal(server, google_push::key().token(bj::serialize(google_push::claims()), R"({"alg":"RS256"})")) == "Unknown key");
    for (const std::string token : {"", "x", "a.b.c", "eyJ9.e30.x"}) {
        CAPTURE(token);
        CHECK(refusal(server, token) == "Unknown key");
    }
}

TEST_CASE("Pub/Sub: a token that is forged, too old, not from Google or for another audience is refused") {
    pushed_server server;
    const auto forger = google_key::rsa(google_push::key().id());
    const std::string failed = "Google authentication failure";
    CHECK(refusal(server, forger.token(bj::serialize(google_push::claims()))) == failed);
    const auto now = google_push::claims().at("iat").as_int64();
    CHECK(refusal_of(server, "exp", now - 3600) == failed);
    CHECK(refusal_of(server, "iat", now + 3600) == failed);
    CHECK(refusal_of(server, "exp", nullptr) == failed);
    CHECK(refusal_of(server, "iss", "https://accounts.example.com") == failed);
    CHECK(refusal_of(server, "iss", nullptr) == failed);
    CHECK(refusal_of(server, "aud", "https://other.example.com") == failed);
    CHECK(refusal_of(server, "aud", nullptr) == failed);
    CHECK(refusal(server, google_push::token() + "x") == failed);
    CHECK(claims_in(server.web.fields_of(google_push::send(server.web, message(), google_push::token() + "x"))).empty());
}

TEST_CASE("Pub/Sub: a token of another account or without one is refused, and its address is not logged") {
    pushed_server server;
    for (const bj::value& email : {bj::value("other@example.com"), bj::value("PUSH@project.iam.gserviceaccount.com"), bj::value("")}) {
        CHECK(refusal_of(server, "email", email) == "Wrong email");
    }
    CHECK(refusal(server, google_push::token(without(google_push::claims(), "email"))) == "Wrong email");
    const auto answer =
        google_push::send(server.web, message(), google_push::token(with(google_push::claims(), "email", "other@example.com")));
    const auto fields = server.web.fields_of(answer);
    CHECK(fields.at("pubsub_email") == "[OMITTED]");
    CHECK(fields.at("pubsub_email_verified") == true);
    CHECK(server.web.log_text().find('@') == std::string::npos);
}

TEST_CASE("Pub/Sub: an address that Google has not verified is refused") {
    pushed_server server;
    CHECK(refusal_of(server, "email_verified", false) == "Email not verified");
    CHECK(refusal_of(server, "email_verified", nullptr) == "Email not verified");
    CHECK(refusal(server, google_push::token(without(google_push::claims(), "email_verified"))) == "Email not verified");
    const auto answer = google_push::send(server.web, message(), google_push::token(with(google_push::claims(), "email_verified", false)));
    CHECK(server.web.fields_of(answer).at("pubsub_email") == google_push::account);
}

TEST_CASE("Pub/Sub: a push from the configured account is accepted, and every claim is logged with its type") {
    pushed_server server;
    auto claims = google_push::claims();
    claims["iss"] = "accounts.google.com";
    claims["more"] = bj::object{{"list", bj::array{1, "two@example.com"}}, {"none", nullptr}};
    claims["owner"] = "someone@example.com";
    const auto answer = google_push::send(server.web, message(), google_push::token(claims));
    CHECK(answer.status == 200);
    CHECK(is_stored(server.web));
    const auto fields = server.web.fields_of(answer);
    CHECK(fields.at("client_allowed") == true);
    CHECK_FALSE(fields.contains("auth_fail"));
    CHECK_FALSE(fields.contains("client_id"));
    CHECK(fields.at("path_template") == "/stripe_from_pubsub");
    CHECK(fields.at("pubsub_email") == google_push::account);
    CHECK(fields.at("pubsub_more") == bj::value(bj::object{{"list", bj::array{1, "[OMITTED]"}}, {"none", nullptr}}));
    CHECK(fields.at("pubsub_owner") == "[OMITTED]");
    for (const auto* same : {"aud", "azp", "email_verified", "exp", "iat", "iss", "sub"})
        CHECK(fields.at("pubsub_" + std::string(same)) == claims.at(same));
    CHECK(claims_in(fields).size() == claims.size());
}

TEST_CASE("Pub/Sub: the secret in the query is never logged, whether it is right or wrong") {
    pushed_server server;
    const auto good = server.push(customer());
    CHECK(server.web.fields_of(good).at("query") == bj::value(bj::object{{"pubsub_client", "[OMITTED]"}}));
    const auto bad = google_push::send(server.web, message(), "", "/stripe_from_pubsub?pubsub_client=secret_of_others&x=1");
    CHECK(server.web.fields_of(bad).at("query") == bj::value(bj::object{{"pubsub_client", "[OMITTED]"}, {"x", "1"}}));
    CHECK(server.web.log_text().find("secret_of") == std::string::npos);
    CHECK(server.web.log_text().find(google_push::token().substr(0, 20)) == std::string::npos);
}

TEST_CASE("Pub/Sub: without a configured audience the server's prefix is the audience") {
    pushed_server server([](config::settings& settings) {
        settings.pubsub_audience.reset();
        settings.server_prefix = "https://prefix.example.com";
    });
    CHECK(refusal(server, google_push::token()) == "Google authentication failure");
    const auto token = google_push::token(with(google_push::claims(), "aud", "https://prefix.example.com"));
    CHECK(google_push::send(server.web, message(), token).status == 200);
}

TEST_CASE("Pub/Sub: a push that arrives while Google's keys are unavailable must be sent again") {
    pushed_server server;
    server.google.go_down();
    CHECK_FALSE(failure(server.web, server.push(customer())).empty());
    CHECK_FALSE(is_stored(server.web));
}

TEST_CASE("Pub/Sub: keys are fetched once and used while the key server is down") {
    pushed_server server;
    for (int i = 0; i < 3; ++i) CHECK(server.push(customer()).status == 200);
    CHECK(server.google.fetches() == 1);
    server.google.go_down();
    CHECK(server.push(customer()).status == 200);
}

TEST_CASE("Pub/Sub: requests are counted from 0, without a client") {
    pushed_server server;
    const std::string labels = R"(ctms_requests_total{method="POST",path_template="/stripe_from_pubsub",status_code=)";
    const auto metrics = [&] { return server.web.ask("GET", "/metrics").body; };
    const auto before = metrics();
    CHECK(before.find(labels + R"("200",status_code_family="2xx"} 0)" + "\n") != std::string::npos);
    CHECK(before.find(labels + R"("422",status_code_family="4xx"} 0)" + "\n") != std::string::npos);
    CHECK(server.push(customer()).status == 200);
    CHECK(server.push({{"unknown", "payload"}}).status == 202);
    CHECK(google_push::send(server.web, message(), "").status == 401);
    const auto after = metrics();
    CHECK(after.find(labels + R"("200",status_code_family="2xx"} 1)" + "\n") != std::string::npos);
    CHECK(after.find(labels + R"("202",status_code_family="2xx"} 1)" + "\n") != std::string::npos);
    CHECK(after.find(labels + R"("401",status_code_family="4xx"} 1)" + "\n") != std::string::npos);
    for (const auto& text : {before, after}) {
        for (auto line = text.find("ctms_api_requests_total{"); line != std::string::npos;
             line = text.find("ctms_api_requests_total{", line + 1))
            CHECK(text.substr(line, text.find('\n', line) - line).find("/stripe_from_pubsub") == std::string::npos);
        CHECK(text.find("ctms_api_requests_total{") != std::string::npos);
    }
}

TEST_CASE("Pub/Sub: a body of 1 MiB is read and a larger one is refused") {
    pushed_server server;
    const auto filled = message() + std::string((1 << 20) - message().size(), ' ');
    CHECK(google_push::send(server.web, filled, google_push::token()).status == 200);
    CHECK(google_push::send(server.web, filled + " ", google_push::token()).status == 413);
}

TEST_CASE("Pub/Sub: only POST is allowed, and the media type does not matter") {
    pushed_server server;
    CHECK(server.web.ask("GET", google_push::path).status == 405);
    for (const std::string type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}) {
        CAPTURE(type);
        const header_list headers{{"Authorization", "Bearer " + google_push::token()}, {"Content-Type", type}};
        CHECK(server.web.ask("POST", google_push::path, headers, message()).status == 200);
    }
}

TEST_CASE("Pub/Sub: a key server that does not answer delays no write") {
    raw_server silent([](raw_connection& link) {
        (void)link.read_request();
        link.stall();
    });
    google_push google;
    web_fixture web(google.server_options([&](config::settings& settings) {
        settings.google_certs_url = silent.url() + "/certs";
        settings.workers = 1;
    }));
    std::vector<std::jthread> pushes;
    for (int i = 0; i < 3; ++i) pushes.emplace_back([&] { CHECK(google_push::send(web, message(), google_push::token()).status == 503); });
    REQUIRE(becomes_true([&] { return silent.accepted() > 0; }));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(web.post("/ctms", R"({"email":{"primary_email":"a@example.com"}})").status == 201);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(3)); // a fetch ends after five seconds
}

} // namespace ctms::test
