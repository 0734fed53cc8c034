// SPDX-License-Identifier: MPL-2.0
// PUT, PATCH and DELETE as clients see them, and their effect on the sync queue.
#include "support/web_fixture.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <thread>

namespace ctms::test {
namespace {

constexpr auto id = "7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11";
const std::string target = fmt::format("/ctms/{}", id);

std::string body_with(const std::string& rest, const std::string& address = "a@example.com") {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"{}"}}{}}})", id, address, rest);
}

boost::json::object parsed(const http_answer& answer) { return boost::json::parse(answer.body).as_object(); }

std::int64_t queue_version(web_fixture& server) { return server.sql("select version from ctms_sync_queue").integer(0, 0); }

} // namespace

TEST_CASE("PUT creates a contact and then replaces it completely") {
    web_fixture server;
    CHECK(server.send("PUT", target, body_with(R"(,"amo":{"username":"u"},"newsletters":[{"name":"a"},{"name":"b"}])")).status == 201);
    const auto created = parsed(server.get(target));
    const auto answer = server.send("PUT", target, body_with(R"(,"newsletters":[{"name":"b","lang":"fr"},{"name":"c"}])", "b@example.com"));
    CHECK(answer.status == 201);
    CHECK_FALSE(answer.has_header("location"));
    const auto contact = parsed(answer);
    CHECK(contact.at("email").at("primary_email") == "b@example.com");
    CHECK(contact.at("email").at("create_timestamp") == created.at("email").at("create_timestamp"));
    CHECK(contact.at("email").at("update_timestamp") != created.at("email").at("update_timestamp"));
    CHECK(contact.at("amo").at("username").is_null());
    CHECK(contact.at("newsletters").as_array().size() == 2);
    CHECK(contact.at("newsletters").at(0).at("lang") == "fr");
    CHECK(parsed(server.get(target)) == contact);
    CHECK(queue_version(server) == 2);
}

TEST_CASE("PUT keeps waitlists that it does not name, except for the older ones") {
    web_fixture server;
    server.add_contact(body_with(R"(,"waitlists":[{"name":"kept","fields":{"x":1}},{"name":"vpn","fields":{"geo":"de"}},)"
                                 R"({"name":"relay","fields":{"geo":"de"}},{"name":"gone"}])"));
    const auto bare = parsed(server.send("PUT", target, body_with("")));
    CHECK(bare.at("waitlists").as_array().size() == 2);
    const auto left = parsed(server.send("PUT", target, body_with(R"(,"waitlists":[{"name":"gone","subscribed":false}])")));
    REQUIRE(left.at("waitlists").as_array().size() == 1);
    CHECK(left.at("waitlists").at(0).at("name") == "kept");
    CHECK(left.at("waitlists").at(0).at("fields").at("x") == 1);
}

TEST_CASE("PATCH changes only the given values") {
    web_fixture server;
    server.add_contact(
        body_with(R"(,"amo":{"username":"u","location":"l"},"fxa":{"fxa_id":"f"},"newsletters":[{"name":"a","lang":"fr"}])"));
    const auto before = parsed(server.get(target));
    const auto after = parsed(server.send(
        "PATCH", target,
        R"({"email":{"first_name":"New"},"amo":{"location":null},"newsletters":[{"name":"a","subscribed":false},{"name":"b"}]})"));
    CHECK(after.at("email").at("first_name") == "New");
    CHECK(after.at("email").at("primary_email") == before.at("email").at("primary_email"));
    CHECK(after.at("amo").at("username") == "u");
    CHECK(after.at("amo").at("location").is_null());
    CHECK(after.at("fxa") == before.at("fxa"));
    CHECK(after.at("newsletters").at(0).at("lang") == "fr");
    CHECK(after.at("newsletters").at(0).at("subscribed") == false);
    CHECK(after.at("newsletters").at(1).at("name") == "b");
    CHECK(parsed(server.get(target)) == after);
}

TEST_CASE("an empty PATCH changes only the timestamp of the email and is queued") {
    web_fixture server;
    server.add_contact(body_with(R"(,"amo":{"username":"u"})"));
    const auto before = parsed(server.get(target));
    const auto answer = server.send("PATCH", target, "{}");
    CHECK(answer.status == 200);
    const auto after = parsed(answer);
    CHECK(after.at("email").at("update_timestamp") != before.at("email").at("update_timestamp"));
    CHECK(after.at("amo") == before.at("amo"));
    CHECK(queue_version(server) == 2);
}

TEST_CASE("a group is deleted if all its values become defaults or if DELETE is sent") {
    web_fixture server;
    server.add_contact(body_with(R"(,"amo":{"username":"u"},"mofo":{"mofo_relevant":true})"));
    CHECK(server.send("PATCH", target, R"({"amo":{"username":null},"mofo":"DELETE"})").status == 200);
    CHECK(server.sql("select 1 from amo").empty());
    CHECK(server.sql("select 1 from mofo").empty());
}

TEST_CASE("a PATCH may repeat the email_id but not change it") {
    web_fixture server;
    server.add_contact(body_with(""));
    CHECK(server.send("PATCH", target, body_with("")).status == 200);
    CHECK(server.send("PATCH", target, R"({"email":{"email_id":null}})").status == 200);
    const auto other = server.send("PATCH", target, R"({"email":{"email_id":"0c4dd2a7-5d0d-4f3a-9f2e-6b9ad4a0c2d3"}})");
    CHECK(other.status == 422);
    CHECK(other.body == R"({"detail":"cannot change email_id"})");
    CHECK(server.send("PATCH", "/ctms/0c4dd2a7-5d0d-4f3a-9f2e-6b9ad4a0c2d3", "{}").status == 404);
    const auto put = server.send("PUT", "/ctms/0c4dd2a7-5d0d-4f3a-9f2e-6b9ad4a0c2d3", body_with(""));
    CHECK(put.status == 422);
    CHECK(put.body == R"({"detail":"email_id in path must match email_id in contact"})");
}

TEST_CASE("conflicts of PUT and PATCH name the value that exists already and change nothing") {
    web_fixture server;
    server.add_contact(R"({"email":{"primary_email":"taken@example.com","basket_token":"c4a7d759-bb52-457b-896b-90f1d3ef8433"},)"
                       R"("fxa":{"fxa_id":"f"},"mofo":{"mofo_email_id":"m"}})");
    server.add_contact(body_with(R"(,"newsletters":[{"name":"a"}])"));
    const auto before = server.get(target).body;
    const auto patch = server.send("PATCH", target, R"({"email":{"primary_email":"taken@example.com"},"fxa":{"fxa_id":"f"}})");
    CHECK(patch.status == 409);
    CHECK(patch.body == R"({"detail":"Contact with primary_email, basket_token, mofo_email_id, or fxa_id already exists",)"
                        R"("conflicts":["primary_email","fxa_id"]})");
    const auto put = server.send("PUT", target, body_with(R"(,"mofo":{"mofo_email_id":"m"})"));
    CHECK(put.status == 409);
    CHECK(put.body == R"({"detail":"Contact with primary_email or basket_token already exists","conflicts":["mofo_email_id"]})");
    const auto twice = server.send("PATCH", target, R"({"newsletters":[{"name":"n"},{"name":"n"}]})");
    CHECK(twice.status == 409);
    CHECK(parsed(twice).at("conflicts").at(0) == "newsletters");
    CHECK(server.get(target).body == before);
}

TEST_CASE("a known newsletter named twice in a PATCH is changed twice in order") {
    web_fixture server;
    server.add_contact(body_with(R"(,"newsletters":[{"name":"a"}])"));
    const auto after = parsed(server.send("PATCH", target, R"({"newsletters":[{"name":"a","lang":"aa"},{"name":"a","lang":"bb"}]})"));
    CHECK(after.at("newsletters").at(0).at("lang") == "bb");
}

TEST_CASE("UNSUBSCRIBE unsubscribes from all newsletters and leaves all waitlists") {
    web_fixture server;
    server.add_contact(body_with(R"(,"newsletters":[{"name":"a"},{"name":"b"}],"waitlists":[{"name":"w"}])"));
    const auto after = parsed(server.send("PATCH", target, R"({"newsletters":"UNSUBSCRIBE"})"));
    CHECK(after.at("newsletters").at(0).at("subscribed") == false);
    CHECK(after.at("newsletters").at(1).at("subscribed") == false);
    CHECK(after.at("waitlists").as_array().empty());
}

TEST_CASE("DELETE removes everything for an address in any case and deletes it at the vendor") {
    web_fixture server;
    server.add_contact(body_with(R"(,"amo":{"user_id":"4"},"newsletters":[{"name":"a"}],"waitlists":[{"name":"w"}])", "Mixed@Example.com"));
    server.sql("insert into pending_acoustic (email_id, retry, update_timestamp) select email_id, 0, now() from emails");
    const auto answer = server.send("DELETE", "/ctms/mIXED%40example.com");
    CHECK(answer.status == 200);
    const auto deleted = boost::json::parse(answer.body).as_array();
    REQUIRE(deleted.size() == 1);
    CHECK(deleted.at(0).at("email_id") == id);
    CHECK(deleted.at(0).at("amo_user_id") == "4");
    for (const auto* table : {"emails", "amo", "newsletters", "waitlists", "pending_acoustic"}) {
        CHECK(server.sql(fmt::format("select 1 from {}", table)).empty());
    }
    const auto queued = server.sql("select operation, primary_email from ctms_sync_queue");
    REQUIRE(queued.size() == 1);
    CHECK(queued.text(0, 0) == "delete");
    CHECK(queued.text(0, 1) == "Mixed@Example.com");
    const auto again = server.send("DELETE", "/ctms/mIXED%40example.com");
    CHECK(again.status == 404);
    CHECK(again.body == R"({"detail":"email mIXED@example.com not found!"})");
}

TEST_CASE("concurrent changes of one contact by many clients are all kept") {
    web_fixture server;
    server.add_contact(body_with(""));
    constexpr int clients = 8;
    constexpr int changes = 10;
    std::atomic<int> good = 0;
    std::vector<std::jthread> threads;
    for (int client = 0; client < clients; ++client) {
        threads.emplace_back([&, client] {
            for (int change = 0; change < changes; ++change) {
                const auto answer = ask(server.port(), "PATCH", target, {server.authorization(), {"Content-Type", "application/json"}},
                                        fmt::format(R"({{"newsletters":[{{"name":"n-{}-{}"}}]}})", client, change));
                if (answer.status == 200) ++good;
            }
        });
    }
    threads.clear();
    CHECK(good == clients * changes);
    CHECK(server.sql("select 1 from newsletters").size() == clients * changes);
    CHECK(queue_version(server) == 1 + clients * changes);
}

} // namespace ctms::test
