// SPDX-License-Identifier: MPL-2.0
// Creating contacts and reading them by id.
#include <support/web_fixture.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <string>

using namespace ctms::test;

namespace {

constexpr auto id = "332de237-cab7-4461-bcc3-48e68f42bd5c";
constexpr auto other_id = "93db83d4-4119-4e0c-af87-a713786fa81d";

std::string contact(const std::string& email_id, const std::string& address, const std::string& more = {}) {
    return R"({"email":{"email_id":")" + email_id + R"(","primary_email":")" + address + R"("})" + more + "}";
}

boost::json::object body_of(const http_answer& answer) { return boost::json::parse(answer.body).as_object(); }

std::string text_of(const ctms::persistence::rows& rows) { return std::string(rows.text(0, 0)); }

/// Returns the number of contacts and of queue entries, as "1/1".
std::string stored(web_fixture& web) {
    return text_of(web.sql("select (select count(*) from emails) || '/' || (select count(*) from ctms_sync_queue)"));
}

void check_conflict(const http_answer& answer, const std::string& conflicts) {
    CHECK(answer.status == 409);
    CHECK(answer.body == R"({"detail":"Contact already exists","conflicts":)" + conflicts + "}");
    CHECK_FALSE(answer.has_header("location"));
}

constexpr auto everything = R"({
  "amo": {"add_on_ids": "a,b", "display_name": "Nina", "email_opt_in": true, "language": "fr", "last_login": "2020-01-27", "location": "Ici",
          "profile_url": "nina", "user": true, "user_id": "98765", "username": "nina1"},
  "email": {"primary_email": "n@example.com", "basket_token": "c4a7d759-bb52-457b-896b-90f1d3ef8433", "double_opt_in": true, "sfdc_id": "s",
            "first_name": "N\"'\\", "last_name": "é😀", "mailing_country": "us", "email_format": "T", "email_lang": "fr",
            "has_opted_out_of_email": true, "unsubscribe_reason": "why", "email_id": "332de237-cab7-4461-bcc3-48e68f42bd5c"},
  "fxa": {"fxa_id": "f", "primary_email": "f@example.com", "created_date": "2019", "lang": "fr", "first_service": "sync", "account_deleted": true},
  "mofo": {"mofo_email_id": "e", "mofo_contact_id": "c", "mofo_relevant": true},
  "newsletters": [{"name": "z", "subscribed": false, "format": "T", "lang": "de", "source": "https://example.com/", "unsub_reason": "r"}, {"name": "A"}],
  "waitlists": [{"name": "vpn", "source": "https://example.com/vpn", "fields": {"platform": "ios", "geo": "fr"}},
                {"name": "a", "fields": {"big": 12345678901234567890123, "float": 1e+100, "zero": -0.0, "text": "a \u00e9 b"}}]})";

} // namespace

TEST_CASE("what GET returns can be put back") {
    web_fixture web;
    for (const std::string sent :
         {R"({"email":{"primary_email":"none@example.com"}})",
          R"({"email":{"primary_email":"vpn@example.com"},"vpn_waitlist":{"geo":"fr"}})",
          R"({"email":{"primary_email":"relay@example.com"},"relay_waitlist":{"geo":"fr"}})",
          R"({"email":{"primary_email":"other@example.com"},"newsletters":[{"name":"n"}],"waitlists":[{"name":"w"}]})"}) {
        CAPTURE(sent);
        const auto path = "/ctms/" + web.add_contact(sent);
        const auto first = web.get(path);
        REQUIRE(first.status == 200);
        CHECK(web.send("PUT", path, first.body).status == 201);
        auto before = boost::json::parse(first.body).as_object();
        auto after = boost::json::parse(web.get(path).body).as_object();
        for (auto* one : {&before, &after}) one->at("email").as_object().erase("update_timestamp");
        CHECK(after == before);
    }
}

TEST_CASE("an empty vpn_waitlist leaves the waitlist, and is nothing if the contact is not on it") {
    web_fixture web;
    const auto path = "/ctms/" + web.add_contact(R"({"email":{"primary_email":"a@example.com"},"vpn_waitlist":{"geo":"fr"}})");
    constexpr auto empty = R"({"vpn_waitlist":{"geo":null,"platform":null}})";
    CHECK(web.send("PATCH", path, empty).status == 200);
    CHECK(web.get(path).body.find(R"("waitlists":[])") != std::string::npos);
    CHECK(web.send("PATCH", path, empty).status == 200);
    CHECK(web.send("PATCH", path, R"({"vpn_waitlist":{"platform":"ios"}})").status == 422);
}

TEST_CASE("CTMS_WAITLIST_GEO_OPTIONAL accepts vpn and relay without a country") {
    const std::string lists = R"("waitlists":[{"name":"vpn","fields":{"platform":"ios"}},{"name":"relay"}]})";
    for (const bool optional : {false, true}) {
        CAPTURE(optional);
        web_fixture::options options;
        options.change_settings = [&](ctms::config::settings& settings) { settings.waitlist_geo_optional = optional; };
        web_fixture web(options);
        CHECK(web.post("/ctms", R"({"email":{"primary_email":"a@example.com"},)" + lists).status == (optional ? 201 : 422));
        const auto other = web.add_contact(R"({"email":{"primary_email":"b@example.com"}})");
        CHECK(web.send("PATCH", "/ctms/" + other, "{" + lists).status == (optional ? 200 : 422));
        const auto whole = R"({"email":{"email_id":")" + other + R"(","primary_email":"b@example.com"},)" + lists;
        CHECK(web.send("PUT", "/ctms/" + other, whole).status == (optional ? 201 : 422));
        if (optional) CHECK(web.send("PUT", "/ctms/" + other, web.get("/ctms/" + other).body).status == 201);
        CHECK(web.post("/ctms", R"({"email":{"primary_email":"c@example.com"},"waitlists":[{"name":"vpn","fields":{"geo":[]}}]})").status ==
              422);
    }
}

TEST_CASE("an encoded slash belongs to the address") {
    web_fixture web;
    web.add_contact(R"({"email":{"primary_email":"a/b@example.com"}})");
    CHECK(web.send("DELETE", "/ctms/a/b%40example.com").status == 404);
    CHECK(web.send("DELETE", "/ctms/a%2Fb%40example.com/").header("location") == "/ctms/a%2Fb%40example.com");
    const auto answer = web.send("DELETE", "/ctms/a%2Fb%40example.com");
    CHECK(answer.status == 200);
    CHECK(web.send("DELETE", "/ctms/a%2Fb%40example.com").status == 404);
    CHECK(web.log_text().find("b@example.com") == std::string::npos);
    CHECK(web.log_text().find("b%40example.com") == std::string::npos);
}

TEST_CASE("a new contact is created and can be read") {
    web_fixture web;
    const auto created = web.post("/ctms", contact(id, "a@example.com"));
    REQUIRE(created.status == 201);
    CHECK(created.header("location") == std::string("/ctms/") + id);
    CHECK(created.header("content-type") == "application/json");
    CHECK(body_of(created).at("status") == "ok");
    const auto read = web.get(std::string("/ctms/") + id);
    CHECK(read.status == 200);
    CHECK(read.body == created.body);
    const auto email = body_of(read).at("email").as_object();
    CHECK(email.at("primary_email") == "a@example.com");
    const std::string made(email.at("create_timestamp").as_string());
    CHECK(made.ends_with("+00:00"));
    CHECK(email.at("update_timestamp").as_string() == made);
}

TEST_CASE("a contact without an id gets a UUID of version 4") {
    web_fixture web;
    const auto created = web.post("/ctms", R"({"email":{"primary_email":"a@example.com"}})");
    REQUIRE(created.status == 201);
    const std::string made(body_of(created).at("email").at("email_id").as_string());
    CHECK(made.size() == 36);
    CHECK(made[14] == '4');
    CHECK(created.header("location") == "/ctms/" + made);
}

TEST_CASE("everything that was sent is returned unchanged") {
    web_fixture web;
    REQUIRE(web.post("/ctms", everything).status == 201);
    const auto text = web.get(std::string("/ctms/") + id).body;
    const auto has = [&](const std::string& part) {
        CAPTURE(part);
        CHECK(text.find(part) != std::string::npos);
    };
    has(R"({"amo":{"add_on_ids":"a,b","display_name":"Nina","email_opt_in":true,"language":"fr","last_login":"2020-01-27","location":"Ici",)"
        R"("profile_url":"nina","user":true,"user_id":"98765","username":"nina1","create_timestamp":"20)");
    has(R"("email":{"primary_email":"n@example.com","basket_token":"c4a7d759-bb52-457b-896b-90f1d3ef8433","double_opt_in":true,"sfdc_id":"s",)"
        R"("first_name":"N\"'\\","last_name":"é😀","mailing_country":"us","email_format":"T","email_lang":"fr","has_opted_out_of_email":true,)"
        R"("unsubscribe_reason":"why","email_id":"332de237-cab7-4461-bcc3-48e68f42bd5c","create_timestamp":"20)");
    has(R"("fxa":{"fxa_id":"f","primary_email":"f@example.com","created_date":"2019","lang":"fr","first_service":"sync","account_deleted":true},)"
        R"("mofo":{"mofo_email_id":"e","mofo_contact_id":"c","mofo_relevant":true},)"
        R"("newsletters":[{"name":"A","subscribed":true,"format":"H","lang":"en","source":null,"unsub_reason":null},)"
        R"({"name":"z","subscribed":false,"format":"T","lang":"de","source":"https://example.com/","unsub_reason":"r"}],)"
        R"("waitlists":[{"name":"a","source":null,"fields":{"big":12345678901234567890123,"float":1e+100,"zero":-0.0,"text":"a é b"}},)"
        R"({"name":"vpn","source":"https://example.com/vpn","fields":{"platform":"ios","geo":"fr"}}],)"
        R"("vpn_waitlist":{"geo":"fr","platform":"ios"},"relay_waitlist":{"geo":null},"status":"ok"})");
}

TEST_CASE("creating the same contact again is not an error and changes nothing") {
    web_fixture web;
    const auto first = web.post("/ctms", everything);
    REQUIRE(first.status == 201);
    const auto version = text_of(web.sql("select version from ctms_sync_queue"));
    const auto again = web.post("/ctms", everything);
    CHECK(again.status == 200);
    CHECK(again.body == first.body);
    CHECK(again.header("location") == std::string("/ctms/") + id);
    CHECK(stored(web) == "1/1");
    CHECK(text_of(web.sql("select version from ctms_sync_queue")) == version);
}

TEST_CASE("defaults and order do not matter when contacts are compared") {
    web_fixture web;
    REQUIRE(web.post("/ctms", contact(id, "a@e.com", R"(,"newsletters":[{"name":"b"},{"name":"a"}])")).status == 201);
    const auto again = web.post("/ctms", contact(id, "a@e.com", R"(,"amo":null,"fxa":{"account_deleted":false},
        "newsletters":[{"name":"a","lang":"en"},{"name":"b","format":"H","subscribed":"yes"}],"waitlists":[])"));
    CHECK(again.status == 200);
    CHECK(web.post("/ctms", contact(id, "a@e.com", R"(,"newsletters":[{"name":"b"}])")).status == 409);
}

TEST_CASE("an existing id with different content is a conflict") {
    web_fixture web;
    web.add_contact(contact(id, "a@example.com"));
    check_conflict(web.post("/ctms", contact(id, "b@example.com")), R"(["email_id"])");
    check_conflict(web.post("/ctms", contact(id, "a@example.com", R"(,"mofo":{"mofo_relevant":true})")), R"(["email_id"])");
    CHECK(stored(web) == "1/1");
}

TEST_CASE("a conflict names each unique value that exists already") {
    web_fixture web;
    REQUIRE(web.post("/ctms", everything).status == 201);
    check_conflict(web.post("/ctms", contact(other_id, "n@example.com")), R"(["primary_email"])");
    check_conflict(web.post("/ctms", R"({"email":{"primary_email":"x","basket_token":"c4a7d759-bb52-457b-896b-90f1d3ef8433"}})"),
                   R"(["basket_token"])");
    check_conflict(web.post("/ctms", R"({"email":{"primary_email":"x"},"mofo":{"mofo_email_id":"e"}})"), R"(["mofo_email_id"])");
    check_conflict(web.post("/ctms", R"({"email":{"primary_email":"x"},"fxa":{"fxa_id":"f"}})"), R"(["fxa_id"])");
    check_conflict(web.post("/ctms", R"({"email":{"primary_email":"n@example.com"},"fxa":{"fxa_id":"f"},"mofo":{"mofo_email_id":"e"}})"),
                   R"(["primary_email","mofo_email_id","fxa_id"])");
    CHECK(stored(web) == "1/1");
}

TEST_CASE("addresses are unique with their exact case") {
    web_fixture web;
    web.add_contact(contact(id, "a@example.com"));
    CHECK(web.post("/ctms", contact(other_id, "A@example.com")).status == 201);
}

TEST_CASE("a repeated name in a list is a conflict, and nothing is stored") {
    web_fixture web;
    check_conflict(web.post("/ctms", contact(id, "a@e.com", R"(,"newsletters":[{"name":"a"},{"name":"a"}])")), R"(["newsletters"])");
    check_conflict(web.post("/ctms", contact(id, "a@e.com", R"(,"waitlists":[{"name":"a"},{"name":"a"}])")), R"(["waitlists"])");
    CHECK(stored(web) == "0/0");
}

TEST_CASE("a contact and its queue entry are stored in one transaction") {
    web_fixture web;
    web.add_contact(contact(id, "a@example.com"));
    const auto found = web.sql("select e.xmin = q.xmin, q.operation, q.state, q.retry, q.next_attempt_at <= now() "
                               "from emails e join ctms_sync_queue q using (email_id)");
    REQUIRE(found.size() == 1);
    CHECK(found.boolean(0, 0));
    CHECK(found.text(0, 1) == "upsert");
    CHECK(found.text(0, 2) == "pending");
    CHECK(found.integer(0, 3) == 0);
    CHECK(found.boolean(0, 4));
}

TEST_CASE("refused contacts are neither stored nor queued") {
    web_fixture web;
    for (const std::string text :
         {R"({"email":{}})", R"({"email":{"primary_email":"a\u0000b"}})", R"({"email":{"primary_email":"a","email_lang":"sixsix"}})",
          R"({"email":{"primary_email":"\ud800"}})", R"({"email":{"primary_email":"a"},"newsletters":null})",
          R"({"email":{"primary_email":"a"},"waitlists":[{"name":"vpn"}]})", "[]", "5", "", "{",
          R"({"email":{"primary_email":"a"},"waitlists":[{"name":"x","fields":{"a":"\u0000"}}]})",
          R"({"email":{"primary_email":"a"},"amo":{"add_on_ids":12345678901234567890123}})"}) {
        CAPTURE(text);
        const auto answer = web.post("/ctms", text);
        CHECK(answer.status == 422);
        CHECK(answer.body.starts_with(R"({"detail":[{"loc":["body")"));
    }
    CHECK(web.post("/ctms", "{\"email\":{\"primary_email\":\"\xFF\"}}").status == 400);
    CHECK(stored(web) == "0/0");
}

TEST_CASE("JSON that is too deep or too long is refused") {
    web_fixture web;
    const auto with_fields = [](const std::string& value) {
        return R"({"email":{"primary_email":"a"},"waitlists":[{"name":"x","fields":{"a":)" + value + "}}]}";
    };
    CHECK(web.post("/ctms", with_fields(std::string(28, '[') + std::string(28, ']'))).status == 201);
    CHECK(web.post("/ctms", with_fields(std::string(29, '[') + std::string(29, ']'))).status == 422);
    std::string items = "[0";
    for (int i = 1; i < 10'000; ++i) items += ",0";
    CHECK(web.post("/ctms", R"({"email":{"primary_email":"b"},"unknown":)" + items + "]}").status == 201);
    const auto answer = web.post("/ctms", R"({"email":{"primary_email":"c"},"unknown":)" + items + ",0]}");
    CHECK(answer.status == 422);
    CHECK(answer.body.find("too many items") != std::string::npos);
    CHECK(stored(web) == "2/2");
}

TEST_CASE("the media type of a body is checked") {
    web_fixture web;
    const auto post = [&](const std::string& type, const std::string& body) {
        return web.ask("POST", "/ctms", {web.authorization(), {"Content-Type", type}}, body);
    };
    const std::string good = R"({"email":{"primary_email":"a"}})";
    CHECK(post("application/vnd.api+json; charset=utf-8", good).status == 201);
    CHECK(web.ask("POST", "/ctms", {web.authorization()}, R"({"email":{"primary_email":"b"}})").status == 201);
    const auto text = post("text/plain", good);
    CHECK(text.status == 422);
    CHECK(text.body == R"({"detail":[{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}]})");
    for (const std::string form : {"application/x-www-form-urlencoded", "multipart/form-data; boundary=x"}) {
        const auto answer = post(form, good);
        CHECK(answer.status == 400);
        CHECK(answer.body == R"({"detail":"There was an error parsing the body"})");
    }
    const auto nothing = web.ask("POST", "/ctms", {web.authorization()});
    CHECK(nothing.status == 422);
    CHECK(nothing.body == R"({"detail":[{"loc":["body"],"msg":"field required","type":"value_error.missing"}]})");
}

TEST_CASE("the older waitlists are stored and counted") {
    web_fixture web;
    const auto before = web.ask("GET", "/metrics").body;
    CHECK(before.find("\nctms_legacy_waitlists_requests_total 0\n") != std::string::npos);
    const auto answer = web.post("/ctms", contact(id, "a", R"(,"vpn_waitlist":{"geo":"fr"},"relay_waitlist":{"geo":"de"})"));
    REQUIRE(answer.status == 201);
    CHECK(answer.body.find(R"("waitlists":[{"name":"relay","source":null,"fields":{"geo":"de"}},)"
                           R"({"name":"vpn","source":null,"fields":{"geo":"fr","platform":null}}],)"
                           R"("vpn_waitlist":{"geo":"fr","platform":null},"relay_waitlist":{"geo":"de"})") != std::string::npos);
    CHECK(web.ask("GET", "/metrics").body.find("\nctms_legacy_waitlists_requests_total 1\n") != std::string::npos);
}

TEST_CASE("a contact is found by any spelling of its id") {
    web_fixture web;
    web.add_contact(contact(id, "a@example.com"));
    for (const std::string spelling : {"332DE237-CAB7-4461-BCC3-48E68F42BD5C", "332de237cab74461bcc348e68f42bd5c",
                                       "%7B332de237-cab7-4461-bcc3-48e68f42bd5c%7D", "urn:uuid:332de237-cab7-4461-bcc3-48e68f42bd5c"}) {
        CAPTURE(spelling);
        CHECK(web.get("/ctms/" + spelling).status == 200);
        CHECK(web.get("/identity/" + spelling).status == 200);
    }
}

TEST_CASE("an unknown id is not found and an invalid one is refused") {
    web_fixture web;
    for (const std::string path : {"/ctms/", "/identity/"}) {
        CAPTURE(path);
        const auto unknown = web.get(path + "00000000-0000-1000-8000-000000000000");
        CHECK(unknown.status == 404);
        CHECK(unknown.body == R"({"detail":"Unknown email_id"})");
        for (const std::string bad : {"x", "332de237-cab7-4461-bcc3-48e68f42bd5", "%00", "%FF", "..."}) {
            CAPTURE(bad);
            const auto answer = web.get(path + bad);
            CHECK(answer.status == 422);
            CHECK(answer.body == R"({"detail":[{"loc":["path","email_id"],"msg":"value is not a valid uuid","type":"type_error.uuid"}]})");
        }
    }
}

TEST_CASE("rows that the Python service stored are returned with the valid values") {
    web_fixture web;
    web.add_contact(contact(id, "a@example.com"));
    web.sql("insert into waitlists (email_id, name, fields, create_timestamp, update_timestamp) values "
            "('332de237-cab7-4461-bcc3-48e68f42bd5c', 'vpn', '{\"geo\":  \"\\u00e9\",  \"n\": [1]}', now(), now()), "
            "('332de237-cab7-4461-bcc3-48e68f42bd5c', 'relay', '{\"geo\": {}}', now(), now())");
    const auto answer = web.get(std::string("/ctms/") + id);
    CHECK(answer.status == 200);
    CHECK(answer.body.find(R"("waitlists":[{"name":"relay","source":null,"fields":{"geo":{}}},)"
                           R"({"name":"vpn","source":null,"fields":{"geo":"é","n":[1]}}],)"
                           R"("vpn_waitlist":{"geo":"é","platform":null},"relay_waitlist":{"geo":null})") != std::string::npos);
}

TEST_CASE("a row whose times the API cannot print is returned with the nearest ones, and can be changed") {
    web_fixture web;
    web.add_contact(contact(id, "a@example.com"));
    web.sql("insert into amo (email_id, username, create_timestamp, update_timestamp) values ('332de237-cab7-4461-bcc3-48e68f42bd5c', 'a',"
            " '0044-03-15 BC', '294276-12-31')");
    web.sql("update emails set create_timestamp = '-infinity', update_timestamp = 'infinity'");
    for (int i = 0; i < 2; ++i) { // the second time with the stored document
        const auto answer = web.get(std::string("/ctms/") + id);
        REQUIRE(answer.status == 200);
        const auto found = boost::json::parse(answer.body);
        CHECK(found.at("email").at("create_timestamp") == "0001-01-01T00:00:00+00:00");
        CHECK(found.at("email").at("update_timestamp") == "9999-12-31T23:59:59.999999+00:00");
        CHECK(found.at("amo").at("create_timestamp") == "0001-01-01T00:00:00+00:00");
        CHECK(found.at("amo").at("update_timestamp") == "9999-12-31T23:59:59.999999+00:00");
    }
    CHECK(web.send("PATCH", std::string("/ctms/") + id, R"({"email":{"first_name":"b"}})").status == 200);
    CHECK(web.get("/updates?start=2020-01-01T00:00:00Z").body.find(id) != std::string::npos);
    web.sql("update emails set update_timestamp = '9999-12-31 23:59:59.999999+00'");
    CHECK(web.get(std::string("/ctms/") + id).body.find("9999-12-31T23:59:59.999999+00:00") != std::string::npos);
    web.sql("update api_client set create_timestamp = '-infinity', update_timestamp = 'infinity'");
    CHECK(web.get(std::string("/ctms/") + id).status == 200);
}
