// SPDX-License-Identifier: MPL-2.0
// Entity tags of contacts and conditional writes, beyond the rules of RFC 9110 (rfc_preconditions_test.cpp).
#include "support/held_writes.hpp"

#include <persistence/clients/client_repository.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <future>
#include <string>
#include <vector>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

constexpr auto id = "00000000-0000-4000-8000-000000000001";
const std::string path = std::string("/ctms/") + id;

http_answer send(web_fixture& web, std::string_view method, std::string_view target, std::string_view json, header_list headers) {
    headers.insert(headers.end(), {web.authorization(), {"Content-Type", "application/json"}});
    return web.ask(method, target, headers, json);
}

std::string named(std::string_view name) { return fmt::format(R"({{"email":{{"first_name":"{}"}}}})", name); }

std::string whole(std::string_view name) {
    return fmt::format(
        R"({{"email":{{"email_id":"{}","primary_email":"jane@example.com","first_name":"{}"}},)"
        R"("newsletters":[{{"name":"z"}},{{"name":"a"}}],)"
        R"("waitlists":[{{"name":"vpn","fields":{{"geo":"fr"}}}},{{"name":"b","fields":{{"n":1.50}}}}],"amo":{{"user_id":"7"}}}})",
        id, name);
}

} // namespace

TEST_CASE("the answer to a write has the tag and the body of the next read") {
    web_fixture web;
    const auto check = [&](const http_answer& written, int status) {
        CAPTURE(written.body);
        CHECK(written.status == status);
        CHECK(written.header("content-location") == path);
        const auto read = web.get(path);
        CHECK(read.body == written.body);
        CHECK(read.header("etag") == written.header("etag"));
        CHECK(read.header("vary") == "Accept-Encoding");
        web.sql("delete from ctms_documents"); // the same from the tables
        const auto from_tables = web.get(path);
        CHECK(from_tables.body == written.body);
        CHECK(from_tables.header("etag") == written.header("etag"));
        return written.header("etag");
    };
    const auto created = check(web.post("/ctms", whole("A")), 201);
    CHECK(check(web.post("/ctms", whole("A")), 200) == created);
    const auto replaced = check(web.send("PUT", path, whole("B")), 201);
    const auto patched = check(web.send("PATCH", path, named("C")), 200);
    CHECK(created != replaced);
    CHECK(replaced != patched);
    CHECK(check(web.send("PATCH", path, named("C")), 200) != patched); // its time changes
}

TEST_CASE("a change by another program changes the tag, even if the time of the contact stays") {
    web_fixture web;
    REQUIRE(web.post("/ctms", whole("A")).status == 201);
    const auto before = web.get(path).header("etag");
    web.sql(fmt::format("update newsletters set lang = 'fr' where email_id = '{}'", id));
    CHECK(web.get(path).header("etag") != before);
    CHECK(send(web, "PATCH", path, named("B"), {{"If-Match", before}}).status == 412);
}

TEST_CASE("lists of contacts and of ids have no tag") {
    web_fixture web;
    REQUIRE(web.post("/ctms", whole("A")).status == 201);
    for (const std::string target :
         {"/ctms?primary_email=jane@example.com", "/identities?primary_email=jane@example.com", "/updates?start=2000-01-01T00:00:00Z"}) {
        const auto answer = web.get(target);
        CHECK(answer.status == 200);
        CHECK_FALSE(answer.has_header("etag"));
    }
    CHECK_FALSE(web.send("DELETE", "/ctms/jane@example.com").has_header("etag"));
}

TEST_CASE("of many writers with the same tag, one writes") {
    web_fixture web;
    REQUIRE(web.post("/ctms", whole("A")).status == 201);
    const auto tag = web.get(path).header("etag");
    std::vector<std::future<http_answer>> answers;
    for (int writer = 0; writer < 32; ++writer) {
        answers.push_back(std::async(std::launch::async, [&, writer] {
            const auto method = writer % 2 == 0 ? "PATCH" : "PUT";
            return send(web, method, path, writer % 2 == 0 ? named(std::to_string(writer)) : whole(std::to_string(writer)),
                        {{"If-Match", tag}});
        }));
    }
    std::string written;
    int refused = 0;
    for (auto& one : answers) {
        const auto answer = one.get();
        if (answer.status == 412) {
            ++refused;
            CHECK(answer.header("etag") != tag);
        } else {
            written = answer.header("etag");
        }
    }
    CHECK(refused == 31);
    CHECK(web.get(path).header("etag") == written);
}

TEST_CASE("a conditional deletion compares every contact with the address") {
    web_fixture web;
    const auto first = "/ctms/" + web.add_contact(R"({"email":{"primary_email":"Two@example.com"}})");
    const auto second = "/ctms/" + web.add_contact(R"({"email":{"primary_email":"two@example.com"}})");
    const auto tag = web.get(first).header("etag");
    const auto other_tag = web.get(second).header("etag");
    const auto remove = [&](const std::string& tags) {
        return web.ask("DELETE", "/ctms/two@example.com", {web.authorization(), {"If-Match", tags}});
    };
    const auto refused = remove(tag);
    CHECK(refused.status == 412);
    CHECK_FALSE(refused.has_header("etag")); // there is more than one
    CHECK(web.get(first).status == 200);
    CHECK(web.get(second).status == 200);
    CHECK(remove(tag + ", " + other_tag).status == 200);
    CHECK(web.get(first).status == 404);
    CHECK(web.get(second).status == 404);
    CHECK(remove(tag).status == 404);
}

TEST_CASE("of two first PUTs of an id at the same time, one creates the contact and the other one replaces it") {
    web_fixture web;
    web.sql("begin; lock table emails in share mode"); // reads go on, and both find no contact
    std::vector<std::future<http_answer>> answers;
    for (const auto* name : {"A", "B"})
        answers.push_back(std::async(std::launch::async, [&web, name] { return web.send("PUT", path, whole(name)); }));
    const bool blocked = becomes_true([&] { return blocked_statements(web) == 2; });
    web.sql("commit");
    CHECK(blocked);
    for (auto& one : answers) CHECK(one.get().status == 201);
    CHECK(web.sql("select from emails").size() == 1);
}

TEST_CASE("a client that must send a precondition gets 428 without one") {
    web_fixture web;
    REQUIRE(web.post("/ctms", whole("A")).status == 201);
    persistence::database db(web.database().options());
    persistence::client_repository clients(db);
    REQUIRE(clients.set_must_have_precondition(web_fixture::client, true).has_value());
    REQUIRE(becomes_true([&] { return web.send("PATCH", path, named("A")).status == 428; }, 20s));
    const auto refused = web.send("PUT", path, whole("B"));
    CHECK(refused.status == 428);
    CHECK(refused.body.find("If-Match") != std::string::npos);
    CHECK(web.send("DELETE", "/ctms/jane@example.com").status == 428);
    const auto read = web.get(path); // reads and creations need none
    CHECK(read.status == 200);
    CHECK(read.body.find(R"("first_name":"A")") != std::string::npos);
    CHECK(web.post("/ctms", whole("A")).status == 200);
    CHECK(send(web, "PATCH", path, named("B"), {{"If-Match", read.header("etag")}}).status == 200);
    CHECK(send(web, "PUT", path, whole("C"), {{"If-None-Match", "*"}}).status == 412);
    CHECK(send(web, "PUT", path, whole("C"), {{"If-None-Match", "\"another state\""}}).status == 428);
    REQUIRE(clients.set_must_have_precondition(web_fixture::client, false).has_value());
    CHECK(becomes_true([&] { return web.send("PATCH", path, named("D")).status == 200; }, 20s));
}

TEST_CASE("the form of an error depends on Accept, and its header says so") {
    web_fixture web;
    for (const auto* accepted : {"application/problem+json", "*/*"}) {
        const auto answer = web.ask("GET", path, {web.authorization(), {"Accept", accepted}});
        CHECK(answer.status == 404);
        CHECK(answer.header("vary") == "Accept");
    }
}

} // namespace ctms::test
