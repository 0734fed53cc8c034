// SPDX-License-Identifier: MPL-2.0
// A client that polls /updates as docs/api.md says misses no change, whoever makes it.
#include "support/web_fixture.hpp"

#include <persistence/contacts/contact_bulk_repository.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <sstream>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr auto id = "7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11";

std::string escaped(std::string text) {
    for (auto at = text.find('+'); at != std::string::npos; at = text.find('+')) text.replace(at, 1, "%2B");
    return text;
}

/// Polls like a client that keeps a copy of all contacts.
class poller {
public:
    poller(web_fixture& server, bool lines, int limit) : server_(&server), lines_(lines), limit_(limit) {}

    void poll() { lines_ ? poll_lines() : poll_pages(); }
    /// The last time that was seen of each contact.
    [[nodiscard]] const std::map<std::string, std::string>& seen() const { return seen_; }
    [[nodiscard]] const std::string& start() const { return start_; }
    int pages = 0;

private:
    http_answer get(const std::string& target, const char* accept) {
        auto answer = ask(server_->port(), "GET", target, {server_->authorization(), {"Accept", accept}});
        if (answer.status != 200) throw std::runtime_error(answer.body);
        return answer;
    }
    void note(const boost::json::value& contact) {
        const auto& email = contact.at("email");
        seen_[std::string(email.at("email_id").as_string())] = std::string(email.at("update_timestamp").as_string());
    }
    void poll_pages() {
        auto target = fmt::format("/updates?start={}&limit={}", escaped(start_), limit_);
        std::string end;
        for (;;) {
            const auto page = boost::json::parse(get(target, "application/json").body);
            ++pages;
            const std::string echoed(page.at("end").as_string());
            if (end.empty()) end = echoed;
            if (end != echoed) throw std::runtime_error("the end changed within a chain");
            for (const auto& item : page.at("items").as_array()) note(item);
            if (page.at("next").is_null()) break;
            target = std::string(page.at("next").as_string()).substr(std::string_view("http://localhost:8000").size());
        }
        start_ = end;
    }
    void poll_lines() {
        const auto answer = get(fmt::format("/updates?start={}", escaped(start_)), "application/x-ndjson");
        std::istringstream all(answer.body);
        for (std::string line; std::getline(all, line);) note(boost::json::parse(line));
        start_ = answer.header("x-updates-end");
    }

    web_fixture* server_;
    bool lines_;
    int limit_;
    std::string start_ = "2000-01-01T00:00:00+00:00";
    std::map<std::string, std::string> seen_;
};

std::string stored_time(web_fixture& server, const std::string& email_id) {
    return std::string(server
                           .sql(fmt::format("select to_char(update_timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00') from emails "
                                            "where email_id = '{}'",
                                            email_id))
                           .text(0, 0));
}

/// Creates a contact.
bool post_contact(web_fixture& server) {
    static std::atomic<int> number = 0;
    return ask(server.port(), "POST", "/ctms", {server.authorization(), {"Content-Type", "application/json"}},
               fmt::format(R"({{"email":{{"primary_email":"new-{}@example.com"}}}})", ++number))
               .status == 201;
}

std::string patched(const std::string& name) { return fmt::format(R"({{"email":{{"first_name":"{}"}}}})", name); }

} // namespace

TEST_CASE("a change that waits for a lock while others read the updates is not missed") {
    web_fixture server;
    server.add_contact(fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"a@example.com"}}}})", id));
    for (const bool lines : {false, true}) {
        CAPTURE(lines);
        poller client(server, lines, 100);
        persistence::connection holder(server.database().options());
        holder.begin();
        holder.execute(fmt::format("select 1 from emails where email_id = '{}' for update", id));
        // A transaction of a foreign program: it takes the time of its begin, writes, and commits after the others have read.
        persistence::connection foreign(server.database().options());
        foreign.begin();
        foreign.execute("insert into emails (email_id, primary_email, update_timestamp) values (gen_random_uuid(), random()::text, now())");
        std::thread patching([&] {
            CHECK(ask(server.port(), "PATCH", fmt::format("/ctms/{}", id), {server.authorization(), {"Content-Type", "application/json"}},
                      patched("b"))
                      .status == 200);
        });
        std::this_thread::sleep_for(200ms);
        client.poll();
        client.poll();
        foreign.commit();
        holder.commit();
        patching.join();
        client.poll();
        CHECK(client.seen().at(id) == stored_time(server, id));
        CHECK(client.seen().size() == server.sql("select from emails").size());
    }
}

TEST_CASE("a client sees its own change at once, and the end is earlier") {
    web_fixture server;
    server.add_contact(fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"a@example.com"}}}})", id));
    poller client(server, false, 1);
    for (int time = 0; time < 5; ++time) {
        CHECK(server.send("PATCH", fmt::format("/ctms/{}", id), patched(std::to_string(time))).status == 200);
        client.poll();
        CHECK(client.seen().at(id) == stored_time(server, id));
        CHECK(client.start() < stored_time(server, id));
    }
    CHECK(server.get("/metrics").body.find("\nctms_updates_end_behind_seconds{held_by=\"none\"} 0.1") != std::string::npos);
}

TEST_CASE("all pages of a chain go on beyond an end that was not given, and a given end is kept") {
    web_fixture server;
    persistence::connection foreign(server.database().options()); // holds the end back
    foreign.begin();
    foreign.execute("select 1");
    std::this_thread::sleep_for(10ms);
    server.sql("insert into emails (email_id, primary_email, update_timestamp) select gen_random_uuid(), 'new-' || n, now() + n * "
               "interval '1 microsecond' from generate_series(1, 5) n");
    poller client(server, false, 2);
    client.poll();
    CHECK(client.pages == 3);
    CHECK(client.seen().size() == 5);
    const auto held = client.start();
    CHECK(server.sql(fmt::format("select from emails where update_timestamp < '{}'", held)).empty());
    const auto given = boost::json::parse(server.get("/updates?start=2000-01-01T00:00:00&limit=2&end=" + escaped(held)).body);
    CHECK(given.at("items").as_array().empty());
    CHECK(given.at("end") == held.c_str());
    foreign.rollback();
    const auto later = "2999-01-01T00:00:00+00:00"s;
    const auto whole = boost::json::parse(server.get("/updates?start=2000-01-01T00:00:00&limit=9&end=" + escaped(later)).body);
    CHECK(whole.at("items").as_array().size() == 5);
    CHECK(whole.at("end") == later.c_str());
}

TEST_CASE("pollers miss no change of any writer" * doctest::timeout(300)) {
    const char* wanted = std::getenv("CTMS_TEST_HISTORY_SECONDS");
    const auto duration = std::chrono::seconds(wanted == nullptr ? 3 : std::atoi(wanted));
    web_fixture server;
    constexpr int contacts = 400;
    server.sql(fmt::format("insert into emails (email_id, primary_email, update_timestamp) select "
                           "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'p-' || n || '@example.com', now() "
                           "from generate_series(1, {}) n",
                           contacts));
    const auto email_id = [](int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); };
    std::atomic<int> failed = 0;
    std::vector<poller> pollers{{server, false, 7}, {server, false, 100}, {server, true, 0}};
    persistence::database db(server.database().options());
    const auto any = [](std::minstd_rand& random) { return 1 + static_cast<int>(random() % contacts); };
    {
        std::vector<std::jthread> threads; // destroyed, and so joined, before what they use
        const auto loop = [&](unsigned seed, auto step) {
            threads.emplace_back([&failed, duration, seed, step]() mutable {
                std::minstd_rand random(seed);
                const auto until = std::chrono::steady_clock::now() + duration;
                while (std::chrono::steady_clock::now() < until) {
                    try {
                        step(random);
                    } catch (const std::exception&) {
                        ++failed;
                    }
                }
            });
        };
        for (unsigned writer = 1; writer <= 4; ++writer) { // calls of the API, which share batches
            loop(writer, [&](std::minstd_rand& random) {
                const auto answer = ask(server.port(), "PATCH", "/ctms/" + email_id(any(random)),
                                        {server.authorization(), {"Content-Type", "application/json"}}, patched(std::to_string(random())));
                failed += answer.status == 200 || answer.status == 503 ? 0 : 1;
            });
        }
        loop(5, [&](std::minstd_rand&) { failed += post_contact(server) ? 0 : 1; });
        loop(6, [&](std::minstd_rand& random) { // lists of addresses
            std::vector<std::string> addresses;
            for (int n = 0; n < 20; ++n) addresses.push_back(fmt::format("p-{}@example.com", any(random)));
            (void)persistence::contact_bulk_repository(db).suppress(addresses, {.dry_run = random() % 4 == 0});
            std::this_thread::sleep_for(20ms);
        });
        for (unsigned writer = 7; writer <= 9; ++writer) { // other programs: they read, wait, write with the time of their begin
            loop(writer, [&, link = std::make_shared<persistence::connection>(server.database().options())](std::minstd_rand& random) {
                link->begin();
                link->execute("select 1");
                std::this_thread::sleep_for(std::chrono::milliseconds(random() % 300));
                link->execute(fmt::format("insert into emails (email_id, primary_email, update_timestamp) values (gen_random_uuid(), "
                                          "gen_random_uuid()::text, now()); update emails set update_timestamp = greatest(now(), "
                                          "update_timestamp) where email_id = '{}'",
                                          email_id(any(random))));
                std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
                random() % 3 == 0 ? link->rollback() : link->commit();
            });
        }
        for (auto& one : pollers) {
            loop(10, [&one](std::minstd_rand&) { one.poll(); });
        }
    }
    for (auto& one : pollers) one.poll();
    const auto stored = server.sql("select email_id::text, to_char(update_timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00') from emails");
    CHECK(failed == 0);
    CHECK(stored.size() > contacts);
    for (const auto& one : pollers) {
        std::size_t missed = 0;
        for (std::size_t row = 0; row < stored.size(); ++row) {
            const auto found = one.seen().find(std::string(stored.text(row, 0)));
            if (found == one.seen().end() || found->second != stored.text(row, 1)) ++missed;
        }
        CHECK(missed == 0);
        CHECK(one.seen().size() == stored.size());
    }
}

} // namespace ctms::test
