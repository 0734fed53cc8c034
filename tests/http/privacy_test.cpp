// SPDX-License-Identifier: MPL-2.0
// No address gets into the log, wherever it was sent and however the request ended, unless its owner asked to be traced.
#include <support/web_fixture.hpp>

#include <ctms/base/utf8.hpp>
#include <ctms/base/uuid.hpp>

#include <base/base64.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <web/server/form.hpp>
#include <web/server/route.hpp>

#include <string>
#include <vector>

using namespace ctms::test;

namespace {

/// A unique address, with a unique word on each side.
struct random_address {
    std::string local = "who" + letters();
    std::string domain = "where" + letters();
    std::string text = local + "@" + domain + ".example.com";

    static std::string letters() {
        std::string out;
        const auto random = ctms::uuid::random();
        for (const auto byte : random.bytes()) out += static_cast<char>('a' + byte % 26);
        out.resize(10);
        return out;
    }
};

std::string encoded(const std::string& text) { return ctms::web::percent_encode_path(text); }

/// Returns the route's path with every parameter replaced by the value.
std::string filled(std::string_view path, const std::string& value) {
    std::string out(path);
    for (auto brace = out.find('{'); brace != std::string::npos; brace = out.find('{'))
        out.replace(brace, out.find('}') - brace + 1, value);
    return out;
}

header_list headers_with(const std::string& address) {
    return {{"User-Agent", "client of " + address},
            {"Referer", "https://example.org/?who=" + encoded(address)},
            {"From", address},
            {"Cookie", "who=" + address},
            {"X-Request-Id", address},
            {"X-Forwarded-For", address}};
}

/// Returns valid and invalid bodies that contain the address.
std::vector<std::pair<std::string, std::string>> bodies_with(const std::string& address) {
    const std::string json = "application/json";
    const std::string form = "application/x-www-form-urlencoded";
    const auto contact = R"({"email":{"primary_email":")" + address + R"("}})";
    return {
        {json, contact},
        {json, contact}, // the second one is a conflict
        {json, R"({"email":{"primary_email":")" + address + R"(","email_id":")" + address + R"("},"amo":")" + address + R"("})"},
        {json,
         R"({"email":{"first_name":")" + address + R"("},"newsletters":[{"name":")" + address + R"(","format":")" + address + R"("}]})"},
        {json, R"({"email":{"primary_email":"x)" + address + R"("},"newsletters":[{"name":")" + address + R"("}],"waitlists":[{"name":")" +
                   address + R"(","fields":{")" + address + R"(":1}}]})"},
        {json, R"({"email":{"primary_email":")" + address},
        {json, R"({"primary_email":")" + address + R"("})"},
        {json, R"({"primary_email":")" + address + R"(","suppress":")" + address + R"(",")" + address + R"(":1})"},
        {json, R"({"object":"customer","id":")" + address + R"(","created":1,"description":")" + address + R"(","email":")" + address +
                   R"(","default_source":")" + address + R"(","invoice_settings":{"default_payment_method":")" + address + R"("}})"},
        // another customer with the same account: a conflict whose account is logged
        {json, R"({"object":"customer","id":"x)" + address + R"(","created":1,"description":")" + address +
                   R"(","default_source":null,"invoice_settings":{"default_payment_method":null}})"},
        {json, R"({"object":")" + address + R"(","id":")" + address + R"("})"},
        {json, R"({"object":"customer","id":")" + address + R"(","created":")" + address + R"("})"},
        {json, R"({"object":"price","id":")" + address + R"(","created":1,"product":"p","active":true,"currency":")" + address + R"("})"},
        {"text/plain", address},
        {form, "client_id=" + encoded(address) + "&client_secret=" + encoded(address)},
        {form, "client_id=id_enabled&client_secret=" + encoded(address) + "&grant_type=" + encoded(address)},
        {"", ""}};
}

/// Does not use `takes`: a handler may read the body itself.
bool takes_body(const ctms::web::route& route) { return route.method != "GET" && route.method != "HEAD" && route.method != "DELETE"; }

std::vector<header_list> credentials_with(web_fixture& web, const std::string& address) {
    return {{},
            {web.authorization()},
            {{"Authorization", "Bearer " + web.token_for("api_client:" + address)}},
            {{"Authorization", "Bearer " + web.token_for(address + ":id_enabled")}},
            {{"Authorization", "Bearer " + address}}};
}

/// Returns the first line of the log that contains either part of the address, or "".
std::string line_with(const std::string& log, const random_address& address) {
    const auto text = ctms::ascii_lower(log);
    for (const auto& word : {address.local, address.domain}) {
        const auto at = text.find(word);
        if (at == std::string::npos) continue;
        const auto line = text.rfind('\n', at) + 1;
        return text.substr(line, text.find('\n', at) - line);
    }
    return {};
}

void check_silent(const std::string& log, const random_address& address) {
    CHECK_FALSE(log.empty());
    CHECK(line_with(log, address) == "");
}

} // namespace

TEST_CASE("no route logs an address, however it is called") {
    web_fixture web;
    const random_address address;
    std::size_t requests = 0;
    for (const auto& route : ctms::web::all_routes()) {
        for (const auto& credentials : credentials_with(web, address.text)) {
            for (const auto& [type, body] : bodies_with(address.text)) {
                if (!takes_body(route) && !body.empty()) continue;
                auto headers = headers_with(address.text);
                headers.insert(headers.end(), credentials.begin(), credentials.end());
                if (!type.empty()) headers.emplace_back("Content-Type", type);
                const auto query = "?primary_email=" + encoded(address.text) + "&note=" + address.text + "&" + encoded(address.text) + "=1";
                for (const auto& target : {filled(route.path, encoded(address.text)), filled(route.path, address.text) + query,
                                           filled(route.path, encoded(encoded(address.text))) + query}) {
                    (void)web.ask(route.method, target, headers, body);
                    ++requests;
                }
            }
        }
    }
    CHECK(requests > 100);
    const auto log = web.log_text();
    for (const auto* name : {"\"ingest_actions\"", "\"fxa_id_conflict\"", "\"ingest_error\""}) CHECK(log.find(name) != std::string::npos);
    check_silent(log, address);
}

TEST_CASE("an address in the log would be found") {
    web_fixture web;
    const random_address address;
    (void)web.ask("GET", "/ctms?primary_email=" + address.text);
    const auto log = web.log_text();
    check_silent(log, address);
    CHECK_FALSE(line_with(log + R"({"Fields":{"msg":")" + address.text + "\"}}\n", address).empty());
    CHECK_FALSE(line_with(log + R"({"Fields":{"path":"/ctms/)" + encoded(address.text) + "\"}}\n", address).empty());
    CHECK_FALSE(line_with(log + R"({"Fields":{"headers":{"from":")" + address.local + "\"}}}\n", address).empty());
}

TEST_CASE("no address is logged for unknown paths and methods") {
    web_fixture web;
    const random_address address;
    for (const std::string method : {"GET", "POST", "PUT", "OPTIONS", "TRACE"}) {
        for (const auto& path :
             {"/" + address.text, "/" + encoded(address.text), "/ctms/" + encoded(address.text) + "/more/" + address.text,
              "/identity/" + encoded(address.text) + "/", "/token/" + address.text, "/ctms/a%2F" + encoded(address.text)}) {
            (void)web.ask(method, path + "?x=" + address.text, headers_with(address.text));
        }
    }
    check_silent(web.log_text(), address);
}

TEST_CASE("no secret is logged, wherever and however it is written") {
    web_fixture web;
    const std::string secret = "zq" + random_address::letters();
    for (const auto& target :
         {"/token?client_secret+=", "/token?Client%255FSecret=", "/ctms?authorization=Bearer+", "/token%3Fclient_secret=", "/token/",
          "/ctms/a%3Fx=", "/ctms?x=/ctms%3Fy=", "http://localhost/token?client_secret="}) {
        for (const auto* method : {"GET", "POST"}) {
            (void)web.ask(method, target + secret,
                          {{"Referer", std::string("https://example.org") + target + secret},
                           {"X-Original-URL", target + secret},
                           {"X-Forwarded-Uri", "/a?b=" + secret},
                           {"X-Basic", "Basic " + secret},
                           {"X-Auth-Token", secret}});
        }
    }
    CHECK(web.log_text().find(secret) == std::string::npos);
}

TEST_CASE("a secret that is sent as the id of a client is not logged") {
    web_fixture web;
    const auto secret = "secret_zq" + random_address::letters();
    const header_list form{{"Content-Type", "application/x-www-form-urlencoded"}};
    const auto swapped = web.ask("POST", "/token", form, "client_id=" + secret + "&client_secret=id_me");
    CHECK(swapped.status == 400);
    CHECK(web.fields_of(swapped).at("client_id") == "[OMITTED]");
    const auto basic = web.ask("POST", "/token", {{"Authorization", "Basic " + ctms::base64_encode(secret + ":id_me")}}, "");
    CHECK(basic.status == 400);
    CHECK(web.fields_of(basic).at("client_id") == "[OMITTED]");
    CHECK(web.log_text().find(secret) == std::string::npos);
}

TEST_CASE("no part of an address in a path is logged") {
    web_fixture web;
    const random_address address;
    for (const auto* path : {"/ctms/%", "/identity/%", "/ctms/x/%", "/%", "/token/%/"}) {
        for (const std::string between : {"%20", ";", "/", "%2F", "%3B", "%3F"}) {
            for (const std::string sign : {"@", "%40", "%26%23064%3B", "&commat;"}) {
                std::string target(path);
                target.replace(target.find('%'), 1, address.local + between + "x" + sign + address.domain + between + address.domain);
                (void)web.ask("GET", target);
                (void)web.ask("DELETE", target, {web.authorization()});
            }
        }
    }
    check_silent(web.log_text(), address);
}

TEST_CASE("no address is logged for a stored contact, whether the request is answered or refused") {
    web_fixture web;
    const random_address address;
    const auto id = web.add_contact(R"({"email":{"primary_email":")" + address.text + R"("},"fxa":{"fxa_id":")" + address.text +
                                    R"(","primary_email":")" + address.text + R"("}})");
    CHECK(web.get("/ctms/" + id).status == 200);
    CHECK(web.get("/identity/" + id).status == 200);
    CHECK(web.get("/ctms?primary_email=" + address.text).status == 200);
    CHECK(web.get("/ctms?fxa_id=" + encoded(address.text)).status == 200);
    CHECK(web.get("/identities?fxa_primary_email=" + address.text).status == 200);
    CHECK(web.post("/ctms", R"({"email":{"primary_email":")" + address.text + R"("},"mofo":{"mofo_relevant":true}})").status == 409);
    web.sql("alter table emails rename to elsewhere");
    CHECK(web.post("/ctms", R"({"email":{"primary_email":")" + address.text + R"("}})").status >= 500);
    CHECK(web.get("/ctms?primary_email=" + address.text).status >= 500);
    check_silent(web.log_text(), address);
}

TEST_CASE("no address is logged for a request that cannot be parsed") {
    web_fixture web;
    const random_address address;
    for (const auto& text :
         {"GET /" + address.text + "\r\n\r\n", address.text + "\r\n\r\n", "GET / HTTP/1.1\r\n" + address.text + "\r\n\r\n",
          "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + address.text + "\r\n"}) {
        http_connection connection(web.port());
        REQUIRE(connection.send(text));
        CHECK(connection.receive().status == 400);
    }
    check_silent(web.log_text(), address);
}

TEST_CASE("a traced address is logged for its writes and reads") {
    web_fixture web;
    const std::string traced = "jane+trace_me_mozilla_1@example.com";
    const random_address other;
    const auto created = web.post("/ctms", R"({ "email": {"primary_email": ")" + traced + R"(", "first_name": ")" + other.text + R"("}})");
    REQUIRE(created.status == 201);
    const auto write = web.fields_of(created);
    CHECK(write.at("trace").as_string() == traced);
    CHECK(boost::json::serialize(write.at("trace_json")) == R"({"email":{"primary_email":")" + traced + R"(","first_name":"[OMITTED]"}})");
    for (const auto& answer : {web.get(created.header("location")), web.get("/ctms?primary_email=" + encoded(traced))}) {
        REQUIRE(answer.status == 200);
        const auto read = web.fields_of(answer);
        CHECK(read.at("trace").as_string() == traced);
        CHECK_FALSE(read.contains("trace_json"));
    }
    check_silent(web.log_text(), other);
}

TEST_CASE("a change of a traced contact is traced even if its body does not contain the address") {
    web_fixture web;
    const std::string traced = "jane+trace-me-mozilla-2@example.com";
    const auto id = web.add_contact(R"({"email":{"primary_email":")" + traced + R"("}})");
    const auto changed = web.send("PATCH", "/ctms/" + id, R"({"email":{"first_name":"Jane"}})");
    REQUIRE(changed.status == 200);
    CHECK(web.fields_of(changed).at("trace").as_string() == traced);
    CHECK(boost::json::serialize(web.fields_of(changed).at("trace_json")) == R"({"email":{"first_name":"Jane"}})");
}

TEST_CASE("several traced addresses are logged sorted and separated by commas") {
    web_fixture web;
    for (const std::string name : {"b+trace-me-mozilla-1@example.com", "a+trace_me_mozilla_1@example.com", "untraced@example.com"}) {
        web.add_contact(R"({"email":{"primary_email":")" + name + R"(","sfdc_id":"same"}})");
    }
    const auto fields = web.fields_of(web.get("/ctms?sfdc_id=same"));
    CHECK(fields.at("trace") == "a+trace_me_mozilla_1@example.com,b+trace-me-mozilla-1@example.com");
}
