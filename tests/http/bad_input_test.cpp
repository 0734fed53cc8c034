// SPDX-License-Identifier: MPL-2.0
// Input that made the Python service answer 500 is refused here with a 4xx that says why, and changes nothing.
#include "support/web_fixture.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

namespace ctms::test {
namespace {

constexpr auto id = "7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11";
constexpr auto stored_contact = R"({"email":{"email_id":"7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11","primary_email":"kept@example.com",
    "first_name":"Kept"},"amo":{"username":"kept"},"newsletters":[{"name":"kept"}],"waitlists":[{"name":"kept","fields":{"a":1}}]})";

struct bad_body {
    const char* what;
    std::string json;
};

std::string repeated(char c, std::size_t times) { return std::string(times, c); }

std::vector<bad_body> bad_for_post() {
    const auto with_email = [](const std::string& rest) {
        return R"({"email":{"email_id":"0c4dd2a7-5d0d-4f3a-9f2e-6b9ad4a0c2d3","primary_email":"new@example.com"})" + rest + "}";
    };
    return {
        {"no body", ""},
        {"a newsletter that is a text", with_email(R"(,"newsletters":["alpha"])")},
        {"an address of 256 characters", R"({"email":{"primary_email":")" + repeated('e', 256) + R"("}})"},
        {"a newsletter name of 256", with_email(R"(,"newsletters":[{"name":")" + repeated('n', 256) + R"("}])")},
        {"a waitlist name of 256", with_email(R"(,"waitlists":[{"name":")" + repeated('w', 256) + R"("}])")},
        {"add-ons of 501", with_email(R"(,"amo":{"add_on_ids":")" + repeated('a', 501) + R"("})")},
        {"an account address of 256", with_email(R"(,"fxa":{"primary_email":")" + repeated('f', 256) + R"("})")},
        {"a creation date of 51", with_email(R"(,"fxa":{"created_date":")" + repeated('d', 51) + R"("})")},
        {"a NUL character", with_email(R"(,"amo":{"username":"a\u0000b"})")},
        {"a NUL character in a waitlist's fields", with_email(R"(,"waitlists":[{"name":"w","fields":{"k":["\u0000"]}}])")},
        {"a NUL character in a key", with_email(R"(,"waitlists":[{"name":"w","fields":{"\u0000":1}}])")},
        {"a lone surrogate", with_email(R"(,"amo":{"username":"a\ud800b"})")},
        {"NaN in a waitlist's fields", with_email(R"(,"waitlists":[{"name":"w","fields":{"k":NaN}}])")},
        {"a platform without a country", with_email(R"(,"vpn_waitlist":{"platform":"ios"})")},
        {"DELETE for a vpn_waitlist", with_email(R"(,"vpn_waitlist":"DELETE")")},
        {"vpn unsubscribed and without a country", with_email(R"(,"waitlists":[{"name":"vpn","subscribed":false}])")},
        {"relay with a country that is no text", with_email(R"(,"waitlists":[{"name":"relay-x","fields":{"geo":[]}}])")},
        {"a list for a group", with_email(R"(,"amo":[1])")},
    };
}

std::vector<bad_body> bad_for_patch() {
    return {
        {"no body", ""},
        {"null for the email", R"({"email":null})"},
        {"null for amo", R"({"amo":null})"},
        {"null for fxa", R"({"fxa":null})"},
        {"null for mofo", R"({"mofo":null})"},
        {"null for newsletters", R"({"newsletters":null})"},
        {"null for waitlists", R"({"waitlists":null})"},
        {"null for the address", R"({"email":{"primary_email":null}})"},
        {"a text for a group", R"({"amo":"delete"})"},
        {"a text for the email", R"({"email":"DELETE"})"},
        {"a platform without a country", R"({"vpn_waitlist":{"platform":"mac"}})"},
        {"a word in lower case for vpn_waitlist", R"({"vpn_waitlist":"delete"})"},
        {"a number for vpn_waitlist", R"({"vpn_waitlist":5})"},
        {"a list for vpn_waitlist", R"({"vpn_waitlist":[]})"},
        {"a newsletter of relay while its country goes", R"({"newsletters":[{"name":"relay-x-waitlist"}],"relay_waitlist":"DELETE"})"},
        {"too long for a column", R"({"amo":{"add_on_ids":")" + repeated('a', 501) + R"("}})"},
        {"a NUL character", R"({"email":{"first_name":"\u0000"}})"},
        {"an integer beyond 64 bits", R"({"email":{"first_name":123456789012345678901234567890}})"},
    };
}

void check_refused(const http_answer& answer, const char* what) {
    INFO(what << ": " << answer.status << " " << answer.body);
    CHECK(answer.status >= 400);
    CHECK(answer.status < 500);
    CHECK(answer.body.find("\"detail\":") != std::string::npos);
}

/// Returns all stored data, including times.
std::string all_contacts(web_fixture& server) {
    const auto found = server.sql("select e::text || coalesce(a::text, '') || coalesce(n::text, '') || coalesce(w::text, '') from emails e "
                                  "left join amo a using (email_id) left join newsletters n using (email_id) "
                                  "left join waitlists w using (email_id) order by 1");
    std::string out;
    for (std::size_t row = 0; row < found.size(); ++row) out += std::string(found.text(row, 0)) + '\n';
    return out;
}

} // namespace

TEST_CASE("a POST on which the Python service failed is refused and stores nothing") {
    web_fixture server;
    server.add_contact(stored_contact);
    const auto before = all_contacts(server);
    for (const auto& bad : bad_for_post()) check_refused(server.post("/ctms", bad.json), bad.what);
    CHECK(all_contacts(server) == before);
    CHECK(server.sql("select 1 from ctms_sync_queue").size() == 1);
}

TEST_CASE("a PATCH on which the Python service failed is refused and changes nothing") {
    web_fixture server;
    server.add_contact(stored_contact);
    const auto before = all_contacts(server);
    const auto queued = std::string(server.sql("select version from ctms_sync_queue").text(0, 0));
    for (const auto& bad : bad_for_patch()) check_refused(server.send("PATCH", fmt::format("/ctms/{}", id), bad.json), bad.what);
    CHECK(all_contacts(server) == before);
    CHECK(server.sql("select version from ctms_sync_queue").text(0, 0) == queued);
}

TEST_CASE("a PUT without a body or with a repeated name is refused and changes nothing") {
    web_fixture server;
    server.add_contact(stored_contact);
    const auto before = all_contacts(server);
    const auto target = fmt::format("/ctms/{}", id);
    check_refused(server.send("PUT", target, ""), "no body");
    const auto twice = server.send("PUT", target,
                                   fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"kept@example.com"}},)"
                                               R"("newsletters":[{{"name":"n"}},{{"name":"n"}}]}})",
                                               id));
    CHECK(twice.status == 422);
    CHECK(twice.body.find(R"("loc":["body","newsletters",1,"name"])") != std::string::npos);
    CHECK(all_contacts(server) == before);
}

TEST_CASE("lookups and pages with values that a database cannot store are refused") {
    web_fixture server;
    check_refused(server.get("/ctms?primary_email=a%00b"), "NUL in an id");
    check_refused(server.get("/identities?sfdc_id=%00"), "NUL in an id");
    check_refused(server.send("DELETE", "/ctms/a%00b"), "NUL in an address");
    for (const auto* bad :
         {"limit=0", "limit=-0", "after=!!!", "after=aGVsbG8%3D", "after=bm9wZSwyMDAxLTAxLTAx", "limit=99999999999999999999"}) {
        check_refused(server.get(fmt::format("/updates?start=2001-01-01T00:00:00Z&{}", bad)), bad);
    }
}

} // namespace ctms::test
