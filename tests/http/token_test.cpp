// SPDX-License-Identifier: MPL-2.0
#include <auth/secrets.hpp>
#include <persistence/clients/client_repository.hpp>

#include <support/web_fixture.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace ctms::test;

namespace {

const std::pair<std::string, std::string> form_type{"Content-Type", "application/x-www-form-urlencoded"};
// id_enabled and the secret used in the tests
constexpr auto basic = "Basic aWRfZW5hYmxlZDpzZWNyZXQgb2YgdGhlIHRlc3Rz";
constexpr auto good_form = "client_id=id_enabled&client_secret=secret+of+the+tests";

http_answer by_form(web_fixture& web, const std::string& form, const header_list& headers = {}) {
    auto all = headers;
    all.push_back(form_type);
    return web.ask("POST", "/token", all, form);
}

void check_token(web_fixture& web, const http_answer& answer) {
    REQUIRE(answer.status == 200);
    const auto body = boost::json::parse(answer.body).as_object();
    REQUIRE(body.size() == 3);
    CHECK(body.at("token_type") == "bearer");
    CHECK(body.at("expires_in") == 3600);
    CHECK(answer.body.starts_with(R"({"access_token":")"));
    const std::string token(body.at("access_token").as_string());
    CHECK(web.ask("GET", "/ctms?primary_email=nobody", {{"Authorization", "Bearer " + token}}).status == 200);
}

void check_refused(const http_answer& answer) {
    CHECK(answer.status == 400);
    CHECK(answer.body == R"({"detail":"Incorrect username or password","error":"invalid_client"})");
}

std::string text(const boost::json::object& fields, const char* name) {
    const auto* value = fields.if_contains(name);
    return value == nullptr ? "absent" : std::string(value->as_string());
}

} // namespace

TEST_CASE("credentials in a form get a token") {
    web_fixture web;
    for (const std::string grant : {"", "&grant_type=", "&grant_type=client_credentials", "&grant_type=refresh_token"}) {
        CAPTURE(grant);
        check_token(web, by_form(web, good_form + grant));
    }
    const auto answer = by_form(web, good_form);
    CHECK(answer.header("cache-control") == "no-store");
    const auto fields = web.fields_of(answer);
    CHECK(text(fields, "token_creds_from") == "form");
    CHECK(text(fields, "client_id") == "id_enabled");
    CHECK_FALSE(fields.contains("token_fail"));
    CHECK(text(fields, "path_template") == "/token");
}

TEST_CASE("credentials in a multipart form get a token") {
    web_fixture web;
    const std::string body = "--XX\r\nContent-Disposition: form-data; name=\"client_id\"\r\n\r\nid_enabled\r\n"
                             "--XX\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\nsecret of the tests\r\n--XX--\r\n";
    check_token(web, web.ask("POST", "/token", {{"Content-Type", "multipart/form-data; boundary=XX"}}, body));
    const auto broken = web.ask("POST", "/token", {{"Content-Type", "multipart/form-data; boundary=YY"}}, body);
    CHECK(broken.status == 400);
    CHECK(broken.body == R"({"detail":"There was an error parsing the body","error":"invalid_request"})");
}

TEST_CASE("credentials in a Basic header get a token") {
    web_fixture web;
    const auto answer = by_form(web, "grant_type=client_credentials", {{"Authorization", basic}});
    check_token(web, answer);
    CHECK(text(web.fields_of(answer), "token_creds_from") == "header");
    check_token(web, web.ask("POST", "/token", {{"Authorization", std::string("bAsIc") + (basic + 5)}}));
}

TEST_CASE("a complete form takes precedence over the header and an incomplete one does not") {
    web_fixture web;
    const auto wrong_form = by_form(web, "client_id=id_enabled&client_secret=wrong", {{"Authorization", basic}});
    check_refused(wrong_form);
    CHECK(text(web.fields_of(wrong_form), "token_creds_from") == "form");
    for (const std::string half :
         {"client_id=id_other", "client_secret=wrong", "client_id=&client_secret=wrong", "client_id=x&client_secret="}) {
        CAPTURE(half);
        const auto answer = by_form(web, half, {{"Authorization", basic}});
        check_token(web, answer);
        CHECK(text(web.fields_of(answer), "token_creds_from") == "header");
    }
}

TEST_CASE("all refused credentials get the same response, but the log gives the reason") {
    web_fixture web;
    const auto check = [&](const std::string& form, const std::string& reason, const std::string& client, const std::string& from) {
        CAPTURE(form);
        const auto answer = by_form(web, form);
        check_refused(answer);
        const auto fields = web.fields_of(answer);
        CHECK(text(fields, "token_fail") == reason);
        CHECK(text(fields, "client_id") == client);
        CHECK(text(fields, "token_creds_from") == from);
    };
    check("grant_type=client_credentials", "No credentials", "absent", "absent");
    check("client_id=id_nobody&client_secret=x", "No client record", "id_nobody", "form");
    check("client_id=id_disabled&client_secret=secret+of+the+tests", "Client disabled", "id_disabled", "form");
    check("client_id=id_enabled&client_secret=wrong", "Bad credentials", "id_enabled", "form");
    CHECK(web.log_text().find("secret of the tests") == std::string::npos);
}

TEST_CASE("an empty token request has no credentials") {
    web_fixture web;
    check_refused(web.ask("POST", "/token"));
    check_refused(web.ask("POST", "/token", {{"Content-Type", "application/json"}}, R"({"client_id":"id_enabled"})"));
}

TEST_CASE("a malformed Basic header is refused") {
    web_fixture web;
    for (const std::string value : {"Basic", "Basic ", "Basic !!!", "Basic aWQ=", "Basic aWRfZW5hYmxlZDpzZWNyZXQ"}) {
        CAPTURE(value);
        const auto answer = by_form(web, good_form, {{"Authorization", value}});
        CHECK(answer.status == 401);
        CHECK(answer.body == R"({"detail":"Invalid authentication credentials","error":"invalid_client"})");
        CHECK(answer.header("www-authenticate") == "Basic");
    }
}

TEST_CASE("other grant types are refused") {
    web_fixture web;
    const auto answer = by_form(web, good_form + std::string("&grant_type=password"));
    CHECK(answer.status == 422);
    CHECK(answer.body ==
          R"({"detail":[{"loc":["body","grant_type"],"msg":"string does not match regex \"^(client_credentials|refresh_token)$\"",)"
          R"("type":"value_error.str.regex","ctx":{"pattern":"^(client_credentials|refresh_token)$"}}],"error":"unsupported_grant_type"})");
}

TEST_CASE("unusual credentials are refused and change nothing") {
    web_fixture web;
    for (const std::string id : {"id_%00", "%FF", "id_enabled%00", "'%3B+drop+table+emails%3B--"}) {
        CAPTURE(id);
        check_refused(by_form(web, "client_id=" + id + "&client_secret=x"));
    }
    check_refused(by_form(web, "client_id=id_enabled&client_secret=secret+of+the+tests%00"));
}

namespace {

void rotate(web_fixture& web, std::chrono::seconds keep_old) {
    ctms::persistence::database db(web.database().options());
    REQUIRE(ctms::persistence::client_repository(db)
                .set_hashed_secret(web_fixture::client, ctms::auth::hash_secret("new secret"), keep_old)
                .has_value());
}

constexpr auto new_form = "client_id=id_enabled&client_secret=new+secret";

} // namespace

TEST_CASE("an old secret is valid until its grace period ends") {
    web_fixture web;
    rotate(web, std::chrono::hours(1));
    check_token(web, by_form(web, new_form));
    check_token(web, by_form(web, good_form));
    check_refused(by_form(web, "client_id=id_enabled&client_secret=wrong"));
    web.sql("update ctms_client_old_secrets set valid_until = now()");
    check_token(web, by_form(web, new_form));
    const auto answer = by_form(web, good_form);
    check_refused(answer);
    CHECK(text(web.fields_of(answer), "token_fail") == "Bad credentials");
}

TEST_CASE("an old secret without a grace period ends immediately") {
    web_fixture web;
    rotate(web, std::chrono::hours(1));
    rotate(web, std::chrono::seconds(0));
    check_token(web, by_form(web, new_form));
    check_refused(by_form(web, good_form));
}

TEST_CASE("an old secret does not give a disabled client access") {
    web_fixture web;
    rotate(web, std::chrono::hours(1));
    web.sql("update api_client set enabled = false where client_id = 'id_enabled'");
    const auto answer = by_form(web, good_form);
    check_refused(answer);
    CHECK(text(web.fields_of(answer), "token_fail") == "Client disabled");
}
