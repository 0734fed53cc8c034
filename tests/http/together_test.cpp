// SPDX-License-Identifier: MPL-2.0
// Requests that wait at the same time share a statement; each gets the response that it would get alone.
#include "support/becomes_true.hpp"
#include "support/held_writes.hpp"
#include "support/web_fixture.hpp"

#include <ctms/persistence/database.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <future>
#include <vector>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

std::string id(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }
std::string address(int number) { return fmt::format("Person-{}@example.com", number); }

struct asked {
    std::string method;
    std::string target;
    std::string body;
    int status;
    std::string in_body; ///< text that the response must contain
};

/// A server with one reading and one writing thread, and five contacts.
class busy_server {
public:
    busy_server() {
        for (int number = 1; number <= 5; ++number) {
            server_.add_contact(fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"{}"}}}})", id(number), address(number)));
        }
    }

    /// Sends all requests while the threads wait for `lock`, releases it when all have arrived, and checks the responses. The
    /// first request must need the lock: a thread that waited for nothing would answer the ones that are refused at once.
    void ask_together(const std::string& lock, const std::vector<asked>& all) {
        std::vector<std::future<http_answer>> answers; // declared first: their destructors wait for the answers after the lock is gone
        persistence::connection holder(server_.database().options());
        holder.begin();
        holder.execute(lock);
        for (const auto& one : all) {
            answers.push_back(std::async(std::launch::async, [this, one] {
                return ask(server_.port(), one.method, one.target, {server_.authorization(), {"Content-Type", "application/json"}},
                           one.body);
            }));
            if (answers.size() == 1) REQUIRE(has_blocked());
        }
        REQUIRE(has_waiting(all.size()));
        holder.rollback();
        for (std::size_t i = 0; i < all.size(); ++i) {
            const auto answer = answers[i].get();
            CAPTURE(all[i].method + " " + all[i].target);
            CAPTURE(answer.body);
            CHECK(answer.status == all[i].status);
            CHECK(answer.body.find(all[i].in_body) != std::string::npos);
        }
    }

    web_fixture& server() { return server_; }

    /// Waits until this many requests are in progress.
    bool has_waiting(std::size_t requests) {
        return becomes_true([&] { return waiting() == requests; });
    }

    /// Waits until a thread waits for a lock of the database.
    bool has_blocked() {
        return becomes_true([&] { return blocked_statements(server_) == 1; });
    }

private:
    /// Returns the number of requests in progress, without the one for the metrics.
    std::size_t waiting() {
        const auto text = server_.ask("GET", "/metrics").body;
        const std::string name = "\nctms_requests_in_flight ";
        const auto at = text.find(name);
        return at == std::string::npos ? 0 : std::stoul(text.substr(at + name.size())) - 1;
    }

    web_fixture server_{{.change_settings = [](config::settings& settings) { settings.workers = 1; }}};
};

} // namespace

TEST_CASE("contacts that are requested at the same time are returned to the right clients") {
    busy_server busy;
    std::vector<asked> all;
    for (int round = 0; round < 3; ++round) {
        for (int number = 1; number <= 5; ++number)
            all.push_back({"GET", "/ctms/" + id(number), "", 200, fmt::format(R"("primary_email":"{}")", address(number))});
        all.push_back({"GET", "/ctms/" + id(9), "", 404, "Unknown email_id"});
        all.push_back({"GET", "/ctms/no-id", "", 422, "type_error.uuid"});
    }
    busy.ask_together("lock table emails in access exclusive mode", all);
}

TEST_CASE("lookups by address at the same time give the same results as alone") {
    busy_server busy;
    std::vector<asked> all;
    for (int round = 0; round < 3; ++round) {
        for (int number = 1; number <= 5; ++number)
            all.push_back({"GET", fmt::format("/ctms?primary_email=pERSON-{}@example.com", number), "", 200, id(number)});
        all.push_back({"GET", "/ctms?primary_email=nobody@example.com", "", 200, "[]"});
        all.push_back({"GET", "/ctms?primary_email=%22%5C%7B,%C3%A9@example.com", "", 200, "[]"});
        all.push_back({"GET", "/ctms?email_id=" + id(2), "", 200, address(2)});
        all.push_back({"GET", fmt::format("/ctms?primary_email={}&email_id={}", address(3), id(4)), "", 200, "[]"});
        all.push_back({"GET", "/ctms?primary_email=", "", 400, "No identifiers provided"});
        all.push_back({"GET", "/ctms?basket_token=x", "", 422, "type_error.uuid"});
    }
    busy.ask_together("lock table emails in access exclusive mode", all);
}

TEST_CASE("changes that are sent at the same time are made or refused individually") {
    busy_server busy;
    const auto named = [](const char* name) { return fmt::format(R"({{"email":{{"first_name":"{}"}}}})", name); };
    const auto moved_to = [](const std::string& to) { return fmt::format(R"({{"email":{{"primary_email":"{}"}}}})", to); };
    std::vector<asked> all;
    all.push_back({"PATCH", "/ctms/" + id(1), named("Ada"), 200, R"("first_name":"Ada")"});
    for (int number = 2; number <= 4; ++number) {
        const auto name = fmt::format("Name-{}", number);
        all.push_back({"PATCH", "/ctms/" + id(number), named(name.c_str()), 200, fmt::format(R"("first_name":"{}")", name)});
        all.push_back({"PATCH", "/ctms/" + id(number), fmt::format(R"({{"newsletters":[{{"name":"letter-{}"}}]}})", number), 200,
                       fmt::format("letter-{}", number)});
    }
    all.push_back({"PATCH", "/ctms/" + id(5), moved_to(address(1)), 409, R"("conflicts":["primary_email"])"});
    all.push_back({"PATCH", "/ctms/" + id(9), named("Nobody"), 404, "Unknown email_id"});
    all.push_back({"PATCH", "/ctms/" + id(5), R"({"email":{"email_lang":"german"}})", 422, "email_lang"});
    all.push_back({"PATCH", "/ctms/" + id(5), fmt::format(R"({{"email":{{"email_id":"{}"}}}})", id(4)), 422, "cannot change email_id"});
    busy.ask_together("lock table emails in exclusive mode", all);
    for (int number = 2; number <= 4; ++number) {
        const auto stored = busy.server().get("/ctms/" + id(number)).body;
        CHECK(stored.find(fmt::format(R"("first_name":"Name-{}")", number)) != std::string::npos);
        CHECK(stored.find(fmt::format("letter-{}", number)) != std::string::npos);
    }
    CHECK(busy.server().get("/ctms/" + id(5)).body.find(address(5)) != std::string::npos);
}

TEST_CASE("a change is answered although another change of its group waits for a locked contact") {
    busy_server busy;
    std::vector<std::future<http_answer>> answers;
    persistence::connection holder(busy.server().database().options());
    const auto patch = [&](int number, const std::string& body) {
        answers.push_back(std::async(std::launch::async, [&busy, number, body] {
            return ask(busy.server().port(), "PATCH", "/ctms/" + id(number),
                       {busy.server().authorization(), {"Content-Type", "application/json"}}, body);
        }));
        REQUIRE(busy.has_blocked());
        REQUIRE(busy.has_waiting(answers.size()));
    };
    const std::string named = R"({"email":{"first_name":"Ada"}})";
    holder.begin();
    holder.execute(fmt::format("select 1 from emails where email_id = '{}' for update; savepoint locked;"
                               "lock table emails in access exclusive mode",
                               id(1)));
    patch(5, named); // occupies the thread, so that the others wait together
    patch(1, named);
    patch(2, named);
    patch(3, R"({"email":{"email_lang":"german"}})");
    holder.execute("rollback to savepoint locked");
    CHECK(answers[2].get().status == 200);
    CHECK(answers[3].get().status == 422);
    CHECK(answers[0].get().status == 200);
    CHECK(busy.has_waiting(1));
    holder.rollback();
    CHECK(answers[1].get().status == 200);
}

} // namespace ctms::test
