// SPDX-License-Identifier: MPL-2.0
// Requests with an Idempotency-Key: what is done once, and what a repeated request gets.
#include "support/web_fixture.hpp"

#include <ctms/persistence/database.hpp>
#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

http_answer send(web_fixture& web, std::string_view method, const std::string& target, std::string_view json, const std::string& key,
                 header_list headers = {}) {
    headers.insert(headers.end(), {web.authorization(), {"Content-Type", "application/json"}, {"Idempotency-Key", key}});
    return web.ask(method, target, headers, json);
}

http_answer create(web_fixture& web, std::string_view address, const std::string& key) {
    return send(web, "POST", "/ctms", fmt::format(R"({{"email":{{"primary_email":"{}"}}}})", address), key);
}

std::int64_t count(web_fixture& web, const std::string& from) { return web.sql("select count(*) from " + from).integer(0, 0); }

void check_same(const http_answer& a, const http_answer& b) {
    CHECK(a.status == b.status);
    CHECK(a.body == b.body);
    for (const auto* header : {"etag", "location", "content-location", "content-type"}) CHECK(a.header(header) == b.header(header));
}

} // namespace

TEST_CASE("a repeated request gets the first answer, and nothing is done again") {
    web_fixture web;
    const auto created = create(web, "jane@example.com", "key-1");
    REQUIRE(created.status == 201);
    CHECK_FALSE(created.header("etag").empty());
    check_same(created, create(web, "jane@example.com", "key-1"));
    check_same(created, create(web, "jane@example.com", "\"key-1\"")); // the same key as a string of Structured Fields
    CHECK(count(web, "emails") == 1);
    CHECK(create(web, "jane@example.com", "key-2").status == 409); // a key of its own is a request of its own

    const auto path = created.header("location");
    const auto change = [&](const std::string& name, const std::string& key) {
        return send(web, "PATCH", path, fmt::format(R"({{"email":{{"first_name":"{}"}}}})", name), key);
    };
    const auto changed = change("A", "key-3");
    CHECK(changed.status == 200);
    CHECK(change("B", "key-4").status == 200);
    check_same(changed, change("A", "key-3")); // also after other changes
    CHECK(web.get(path).body.find(R"("first_name":"B")") != std::string::npos);

    const auto id = path.substr(path.rfind('/') + 1);
    const auto body =
        fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"jane@example.com"}},"fxa":{{"fxa_id":"account-1"}}}})", id);
    const auto replaced = send(web, "PUT", path, body, "key-5");
    CHECK(replaced.status == 201);
    check_same(replaced, send(web, "PUT", path, body, "key-5"));

    const auto removed = send(web, "DELETE", "/ctms/jane@example.com", "", "key-6");
    CHECK(removed.status == 200);
    CHECK(removed.body.find(R"("fxa_id":"account-1")") != std::string::npos);
    const auto removed_again = send(web, "DELETE", "/ctms/jane@example.com", "", "key-6");
    CHECK(removed_again.status == 200);
    CHECK(removed_again.body.find(fmt::format(R"("email_id":"{}")", id)) != std::string::npos);
    CHECK(removed_again.body.find(R"("primary_email":"jane@example.com")") != std::string::npos); // from the request
    CHECK(removed_again.body.find("account-1") == std::string::npos);                             // nothing would erase it
    CHECK(count(web, "ctms_kept_answers where ctms_kept_answers::text similar to '%(jane@example.com|account-1)%'") == 0);
    CHECK(count(web, "emails") == 0);
    CHECK(web.fields_of(removed).at("idempotency_key") == "first");
}

TEST_CASE("refusals are kept too, except those that every repeated request gets") {
    web_fixture web;
    REQUIRE(create(web, "taken@example.com", "first").status == 201);
    const auto conflict = create(web, "taken@example.com", "a");
    CHECK(conflict.status == 409);
    const auto missing = send(web, "DELETE", "/ctms/late@example.com", "", "b");
    CHECK(missing.status == 404);
    CHECK(missing.body.find("late@example.com") != std::string::npos);
    CHECK(count(web, "ctms_kept_answers where body like '%late%'") == 0);
    const std::string late = "/ctms/00000000-0000-4000-8000-000000000001";
    CHECK(send(web, "PATCH", late, "{}", "c").status == 404);
    const auto path = "/ctms/" + std::string(web.sql("select email_id::text from emails").text(0, 0));
    const auto unmet = send(web, "PATCH", path, "{}", "d", {{"If-Match", "\"a\""}});
    CHECK(unmet.status == 412);
    CHECK(count(web, "ctms_kept_answers where status = 412 and email_ids = array(select email_id from emails)") == 1);

    const auto remove = [&] { return send(web, "DELETE", "/ctms/taken@example.com", "", "g", {{"If-Match", "\"a\""}}); };
    CHECK(remove().status == 412);
    CHECK(count(web, "ctms_kept_answers where entity_tag <> '' and email_ids = '{}'") == 0); // nothing would erase it

    web.sql("update emails set primary_email = 'moved@example.com'");
    REQUIRE(
        web.post("/ctms", R"({"email":{"email_id":"00000000-0000-4000-8000-000000000001","primary_email":"late@example.com"}})").status ==
        201);
    check_same(conflict, create(web, "taken@example.com", "a"));
    check_same(missing, send(web, "DELETE", "/ctms/late@example.com", "", "b"));
    CHECK(remove().status == 412);
    CHECK(send(web, "PATCH", late, "{}", "c").status == 404);
    CHECK(count(web, "emails") == 2);

    // Invalid input has no effect. The key stays free for the corrected request.
    CHECK(send(web, "POST", "/ctms", R"({"email":{}})", "e").status == 422);
    CHECK(create(web, "good@example.com", "e").status == 201);
}

TEST_CASE("input that is refused only after the contact was read is not kept either") {
    web_fixture web;
    const auto path = create(web, "jane@example.com", "first").header("location");
    const auto id = path.substr(path.rfind('/') + 1);
    const auto replace = [&](const std::string& more) {
        const auto body = fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"jane@example.com"}}{}}})", id, more);
        return send(web, "PUT", path, body, "put").status;
    };
    CHECK(replace(R"(,"newsletters":[{"name":"a"},{"name":"a"}])") == 422);
    CHECK(count(web, "ctms_kept_answers where status = 422") == 0);
    CHECK(replace("") == 201);
}

TEST_CASE("after a legal hold is lifted, the same deletion with the same key is done") {
    web_fixture web;
    REQUIRE(create(web, "jane@example.com", "first").status == 201);
    web.sql("insert into ctms_holds (email_id, reason, held_by) select email_id, 'test', 'test' from emails");
    const auto remove = [&] { return send(web, "DELETE", "/ctms/jane@example.com", "", "key").status; };
    CHECK(remove() == 409);
    CHECK(remove() == 409);
    CHECK(count(web, "emails") == 1);
    web.sql("delete from ctms_holds");
    CHECK(remove() == 200);
    CHECK(count(web, "emails") == 0);
}

TEST_CASE("a key belongs to one request of one client") {
    web_fixture web;
    REQUIRE(create(web, "jane@example.com", "key").status == 201);
    const auto other = create(web, "john@example.com", "key");
    CHECK(other.status == 422);
    CHECK(other.body == R"({"detail":"This Idempotency-Key was used for another request"})");
    CHECK(send(web, "DELETE", "/ctms/jane@example.com", "", "key").status == 422);
    CHECK(count(web, "emails") == 1);
    web.sql("insert into api_client (client_id, email, hashed_secret, enabled) values ('id_other', 'a', 'b', true)");
    const auto of_other = web.ask("POST", "/ctms",
                                  {{"Authorization", "Bearer " + web.token_for("api_client:id_other")},
                                   {"Content-Type", "application/json"},
                                   {"Idempotency-Key", "key"}},
                                  R"({"email":{"primary_email":"john@example.com"}})");
    CHECK(of_other.status == 201);
}

TEST_CASE("a key that cannot be read is refused") {
    web_fixture web;
    for (const std::string& key : {std::string(), std::string("\"\""), std::string("\"a"), std::string("a b"), std::string("\"a\";b=1"),
                                   std::string("\"a\\b\""), std::string("ä"), std::string(256, 'x')}) {
        CAPTURE(key);
        const auto refused = create(web, "jane@example.com", key);
        CHECK(refused.status == 400);
        CHECK(refused.body.find("Idempotency-Key must be") != std::string::npos);
    }
    CHECK(create(web, "jane@example.com", std::string(255, 'x')).status == 201);
    const auto twice = web.ask(
        "POST", "/ctms", {web.authorization(), {"Content-Type", "application/json"}, {"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}},
        R"({"email":{"primary_email":"john@example.com"}})");
    CHECK(twice.status == 400);
}

TEST_CASE("while a request is in progress, its key gets 409") {
    web_fixture web;
    REQUIRE(create(web, "jane@example.com", "first").status == 201);
    const auto path = "/ctms/" + std::string(web.sql("select email_id::text from emails").text(0, 0));
    persistence::connection holder(web.database().options());
    holder.begin();
    holder.execute("select * from emails for update");
    auto waiting = std::async(std::launch::async, [&] { return send(web, "PATCH", path, "{}", "key"); });
    REQUIRE(becomes_true([&] { // it holds its key
        return !web.sql("select from pg_locks where locktype = 'advisory' and granted"
                        " and database = (select oid from pg_database where datname = current_database())")
                    .empty();
    }));
    const auto refused = send(web, "PATCH", path, "{}", "key");
    CHECK(refused.status == 409);
    CHECK(refused.header("retry-after") == "1");
    CHECK(send(web, "PATCH", path, R"({"email":{"first_name":"B"}})", "key").status == 409);
    holder.rollback();
    const auto done = waiting.get();
    const auto again = send(web, "PATCH", path, "{}", "key");
    CHECK(again.status == 200);
    if (done.status != 503) check_same(done, again); // 503: the lock was held for too long, on a busy machine
}

namespace {

/// Two requests wait for a locked contact, a third one for another, and the fourth one for a thread. Returns whether the third one still
/// waits when the fourth one is answered.
bool passes_a_locked_contact() {
    web_fixture web; // two threads write
    const auto in_progress = [&](int requests) {
        const auto wanted = fmt::format("\nctms_requests_in_flight {}\n", requests + 1); // and the one that asks
        return becomes_true([&] { return web.ask("GET", "/metrics").body.find(wanted) != std::string::npos; });
    };
    std::vector<std::string> paths;
    for (const auto* address : {"a@example.com", "b@example.com", "c@example.com"})
        paths.push_back(create(web, address, address).header("location"));
    const auto lock = [](persistence::connection& holder, const std::string& address) {
        holder.begin();
        holder.execute(fmt::format("select from emails where primary_email = '{}' for update", address));
    };
    std::vector<std::future<http_answer>> answers; // declared first: their destructors wait until the holders are gone
    const auto patch = [&](const std::string& path, const std::string& key) {
        answers.push_back(std::async(std::launch::async, [&web, path, key] { return send(web, "PATCH", path, "{}", key); }));
    };
    persistence::connection first(web.database().options());
    persistence::connection second(web.database().options());
    lock(first, "a@example.com");
    lock(second, "b@example.com");
    patch(paths[0], "1");
    patch(paths[0], "2");
    REQUIRE(becomes_true([&] {
        return web.sql("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").size() == 2;
    }));
    patch(paths[1], "3");
    REQUIRE(in_progress(3));
    patch(paths[2], "4");
    REQUIRE(in_progress(4));
    first.rollback(); // both threads become free
    CHECK(answers[3].get().status == 200);
    const bool out = answers[2].wait_for(0s) == std::future_status::timeout;
    second.rollback();
    return out;
}

} // namespace

TEST_CASE("a locked contact does not delay a keyed PATCH of another contact") {
    bool passes = false; // on a busy machine, a request can give up its lock, after 5 seconds, before the others have come
    for (int round = 0; round < 3 && !passes; ++round) passes = passes_a_locked_contact();
    CHECK(passes);
}

TEST_CASE("an answer that says that the service failed is not kept") {
    web_fixture web;
    REQUIRE(create(web, "jane@example.com", "first").status == 201);
    const auto path = "/ctms/" + std::string(web.sql("select email_id::text from emails").text(0, 0));
    {
        persistence::connection holder(web.database().options());
        holder.begin();
        holder.execute("select * from emails for update");
        CHECK(send(web, "PATCH", path, "{}", "key").status == 503);
        holder.rollback();
    }
    CHECK(send(web, "PATCH", path, "{}", "key").status == 200);
}

TEST_CASE("of duplicates that 64 connections send at the same time, one is done") {
    constexpr int connections = 64;
    constexpr int keys = 20;
    web_fixture web;
    const auto until = std::chrono::steady_clock::now() + 60s;
    const auto must_wait = [&](const http_answer& answer) {
        const bool is_temporary = answer.status == 503 || (answer.status == 409 && answer.has_header("retry-after"));
        return is_temporary && std::chrono::steady_clock::now() < until;
    };
    std::vector<std::map<int, http_answer>> answers(connections);
    {
        std::vector<std::jthread> threads;
        for (int number = 0; number < connections; ++number) {
            threads.emplace_back([&, number] {
                std::optional<http_connection> connection(web.port());
                for (int key = 0; key < keys; ++key) {
                    const header_list headers{
                        web.authorization(), {"Content-Type", "application/json"}, {"Idempotency-Key", fmt::format("key-{}", key)}};
                    const auto body = fmt::format(R"({{"email":{{"primary_email":"{}@example.com"}}}})", key);
                    auto answer = connection->ask("POST", "/ctms", headers, body);
                    while (must_wait(answer)) {
                        std::this_thread::sleep_for(20ms);
                        if (answer.status == 503) connection.emplace(web.port()); // it may have been closed
                        answer = connection->ask("POST", "/ctms", headers, body);
                    }
                    answers[static_cast<std::size_t>(number)][key] = answer;
                }
            });
        }
    }
    CHECK(count(web, "emails") == keys);
    CHECK(count(web, "ctms_kept_answers") == keys);
    int different = 0;
    for (const auto& of_one : answers) {
        for (const auto& [key, answer] : of_one) {
            different += answer.status == 201 && answer.body == answers.front().at(key).body ? 0 : 1;
        }
    }
    CHECK(different == 0);
}

TEST_CASE("when a contact is deleted, by whomever, the answers with it are erased") {
    web_fixture web;
    const auto created = create(web, "jane@example.com", "key");
    REQUIRE(created.status == 201);
    CHECK(count(web, "ctms_kept_answers where body like '%jane@example.com%'") == 1);
    web.sql("delete from emails");
    CHECK(count(web, "ctms_kept_answers where body = '' and request is null and email_ids = '{}'") == 1);
    const auto again = create(web, "jane@example.com", "key");
    CHECK(again.status == 410);
    CHECK(count(web, "emails") == 0);
    CHECK(web.fields_of(again).at("idempotency_key") == "erased");
}

TEST_CASE("old answers are forgotten") {
    web_fixture web;
    REQUIRE(create(web, "jane@example.com", "old").status == 201);
    REQUIRE(create(web, "john@example.com", "new").status == 201);
    web.sql("update ctms_kept_answers set created_at = now() - interval '25 hours' where body like '%jane%'");
    CHECK(becomes_true([&] { return count(web, "ctms_kept_answers") == 1; }, 60s));
    CHECK(create(web, "john@example.com", "new").status == 201);
}

TEST_CASE("addresses in keys and answers stay out of the log") {
    web_fixture web;
    REQUIRE(create(web, "jane@example.com", "for-jane@example.com").status == 201);
    REQUIRE(create(web, "jane@example.com", "for-jane@example.com").status == 201);
    CHECK(web.log_text().find("jane@example.com") == std::string::npos);
}

} // namespace ctms::test
