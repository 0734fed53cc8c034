// SPDX-License-Identifier: MPL-2.0
// The additional forms of errors: `error` for OAuth clients (RFC 6749), and application/problem+json (RFC 9457).
#include "support/web_fixture.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include <string>

namespace ctms::test {
namespace {

constexpr auto problem_json = "application/problem+json";

boost::json::object body_of(const http_answer& answer) {
    INFO(answer.body);
    return boost::json::parse(answer.body).as_object();
}

http_answer ask_for_token(web_fixture& server, const std::string& form, header_list headers = {}) {
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    return server.ask("POST", "/token", headers, form);
}

http_answer ask_for_problem(web_fixture& server, const std::string& method, const std::string& target, const std::string& body = {},
                            header_list headers = {}) {
    headers.insert(headers.end(), {server.authorization(), {"Accept", problem_json}, {"Content-Type", "application/json"}});
    return server.ask(method, target, headers, body);
}

} // namespace

TEST_CASE("errors of /token have the codes of RFC 6749") {
    web_fixture server;
    const auto wrong = ask_for_token(server, "client_id=somebody&client_secret=wrong");
    CHECK(wrong.status == 400);
    CHECK(body_of(wrong).at("error") == "invalid_client");
    CHECK(body_of(wrong).at("detail") == "Incorrect username or password");
    CHECK(body_of(ask_for_token(server, "grant_type=password")).at("error") == "unsupported_grant_type");
    CHECK(body_of(ask_for_token(server, "", {{"Authorization", "Basic !"}})).at("error") == "invalid_client");
    CHECK(body_of(server.ask("POST", "/token", {{"Content-Type", "multipart/form-data"}}, "x")).at("error") == "invalid_request");
    CHECK_FALSE(body_of(server.get("/ctms")).contains("error"));
}

TEST_CASE("a client that prefers application/problem+json gets errors in the form of RFC 9457") {
    web_fixture server;
    const auto missing = ask_for_problem(server, "GET", "/ctms/00000000-0000-4000-8000-000000000001", {}, {{"X-Request-Id", "mine"}});
    CHECK(missing.status == 404);
    CHECK(missing.header("content-type") == problem_json);
    const auto body = body_of(missing);
    CHECK(body.at("type") == "about:blank");
    CHECK(body.at("title") == "Not Found");
    CHECK(body.at("status") == 404);
    CHECK(body.at("detail") == "Unknown email_id");
    CHECK(body.at("rid") == "mine");

    const auto invalid = body_of(ask_for_problem(server, "POST", "/ctms", R"({"email":{}})"));
    CHECK(invalid.at("detail") == "Invalid input");
    CHECK(invalid.at("errors").at(0).at("type") == "value_error.missing");

    CHECK(body_of(ask_for_problem(server, "POST", "/ctms", R"({"email":{"primary_email":"a@example.com"}})")).at("status") == "ok");
    const auto taken = body_of(ask_for_problem(server, "POST", "/ctms", R"({"email":{"primary_email":"a@example.com"}})"));
    CHECK(taken.at("conflicts").at(0) == "primary_email");
    CHECK(taken.at("status") == 409);

    CHECK(body_of(ask_for_problem(server, "GET", "/nothing")).at("title") == "Not Found");
    CHECK(body_of(ask_for_problem(server, "PUT", "/ctms")).at("status") == 405);
    CHECK(body_of(ask_for_token(server, "client_id=a&client_secret=b", {{"Accept", problem_json}})).at("error") == "invalid_client");
}

TEST_CASE("a client that accepts everything gets the usual errors") {
    web_fixture server;
    for (const auto* accepted :
         {"*/*", "application/*", "application/json, application/problem+json;q=0.5", "application/problem+json;q=0"}) {
        CAPTURE(accepted);
        const auto answer = server.ask("GET", "/nothing", {{"Accept", accepted}});
        CHECK(answer.header("content-type") == "application/json");
        CHECK(answer.body == R"({"detail":"Not Found"})");
    }
}

TEST_CASE("a long problem is compressed like other answers") {
    web_fixture server;
    std::string newsletters;
    for (int i = 0; i < 60; ++i) newsletters += std::string(i == 0 ? "" : ",") + R"({"lang":5})";
    const auto answer =
        ask_for_problem(server, "POST", "/ctms", R"({"email":{"primary_email":"a@example.com"},"newsletters":[)" + newsletters + "]}",
                        {{"Accept-Encoding", "gzip"}});
    CHECK(answer.status == 422);
    CHECK(answer.header("content-type") == problem_json);
    CHECK(answer.header("content-encoding") == "gzip");
}

} // namespace ctms::test
