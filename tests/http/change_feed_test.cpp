// SPDX-License-Identifier: MPL-2.0
// GET /changes: a client that follows the feed as documented knows every contact in the end, whoever wrote it.
#include <support/becomes_true.hpp>
#include <support/transaction_writer.hpp>
#include <support/web_fixture.hpp>

#include <ctms/persistence/database.hpp>
#include <ctms/service/changes.hpp>
#include <ctms/service/contact_import.hpp>
#include <ctms/service/contact_lists.hpp>

#include <persistence/postgres/connection.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <map>
#include <sstream>
#include <thread>

namespace ctms::test {
namespace {

namespace bj = boost::json;
using namespace std::chrono_literals;

constexpr auto id = "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93";
constexpr auto other_id = "4f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93";

std::string contact_of(std::string_view email_id, std::string_view address) {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"{}"}}}})", email_id, address);
}

/// Follows the feed and keeps what it says, as a client does.
class follower {
public:
    /// Waits until the feed shows every change that was made before: transactions of other tests delay it.
    explicit follower(web_fixture& server, int limit = 100, bool lines = false) : server_(&server), limit_(limit), lines_(lines) {
        REQUIRE(becomes_true(
            [&] { return server.sql("select from ctms_changes where xid >= pg_snapshot_xmin(pg_current_snapshot())").empty(); }));
    }

    /// Reads until nothing follows, and returns what came.
    bj::array read() {
        bj::array out;
        if (lines_) return read_lines();
        for (bool more = true; more;) {
            const auto answer = server_->get(fmt::format("/changes?include=contact&limit={}&after={}", limit_, cursor_));
            REQUIRE(answer.status == 200);
            const auto page = bj::parse(answer.body).as_object();
            CHECK(page.at("items").as_array().size() <= static_cast<std::size_t>(limit_));
            for (const auto& item : page.at("items").as_array()) {
                note(item.as_object());
                out.push_back(item);
            }
            cursor_ = page.at("next").as_string();
            more = page.at("more").as_bool();
        }
        return out;
    }

    /// Reads until something about this contact comes, and returns it. Transactions of other tests delay the feed.
    bj::object next_of(std::string_view email_id) {
        bj::object out;
        CHECK(becomes_true([&] {
            for (const auto& item : read()) {
                if (item.at("email_id").as_string() == email_id) out = item.as_object();
            }
            return !out.empty();
        }));
        REQUIRE(!out.empty());
        return out;
    }

    /// The known contacts, by id, with the time of their last change.
    [[nodiscard]] const std::map<std::string, std::string>& known() const { return known_; }
    [[nodiscard]] const std::string& cursor() const { return cursor_; }

private:
    bj::array read_lines() {
        bj::array out;
        const auto answer = server_->ask("GET", "/changes?include=contact&after=" + cursor_,
                                         {server_->authorization(), {"Accept", "application/x-ndjson"}});
        REQUIRE(answer.status == 200);
        std::istringstream all(answer.body);
        for (std::string line; std::getline(all, line);) {
            out.push_back(bj::parse(line));
            note(out.back().as_object());
            cursor_ = out.back().at("cursor").as_string();
        }
        return out;
    }
    void note(const bj::object& item) {
        const std::string email_id(item.at("email_id").as_string());
        if (item.at("change") == "deleted") {
            CHECK(!item.contains("contact"));
            known_.erase(email_id);
        } else if (item.at("contact").is_object()) {
            known_[email_id] = item.at("contact").at("email").at("update_timestamp").as_string();
        }
    }

    web_fixture* server_;
    int limit_;
    bool lines_;
    std::string cursor_;
    std::map<std::string, std::string> known_;
};

/// What a follower should know.
std::map<std::string, std::string> stored(web_fixture& server) {
    const auto found = server.sql(
        "select email_id::text, to_char(update_timestamp at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"') from emails");
    std::map<std::string, std::string> out;
    for (std::size_t row = 0; row < found.size(); ++row) out.emplace(found.text(row, 0), found.text(row, 1));
    return out;
}

/// Reads until the follower knows what is stored; writes of other programs come within a second.
bool catches_up(web_fixture& server, follower& reader) {
    return becomes_true([&] {
        reader.read();
        return reader.known() == stored(server);
    });
}

std::string patched(std::string_view name) { return fmt::format(R"({{"email":{{"first_name":"{}"}}}})", name); }

std::string cursor_of(const http_answer& answer) { return std::string(bj::parse(answer.body).at("next").as_string()); }

} // namespace

TEST_CASE("the feed begins with all contacts and goes on with changes and their clients") {
    web_fixture server;
    for (int i = 0; i < 5; ++i) server.add_contact(fmt::format(R"({{"email":{{"primary_email":"{}@example.com"}}}})", i));
    follower reader(server, 2);
    const auto first = reader.read();
    CHECK(first.size() >= 5);
    for (const auto& item : first) CHECK(item.at("change") == "created");
    CHECK(reader.known() == stored(server));

    server.add_contact(contact_of(id, "a@example.com"));
    CHECK(server.send("PATCH", fmt::format("/ctms/{}", id), patched("b")).status == 200);
    auto item = reader.next_of(id);
    CHECK(item.at("change") == "created");
    CHECK(item.at("client") == web_fixture::client);
    CHECK(item.at("contact").at("email").at("first_name") == "b");

    CHECK(server.send("PUT", fmt::format("/ctms/{}", id), contact_of(id, "a@example.com")).status == 201);
    item = reader.next_of(id);
    CHECK(item.at("change") == "updated");
    CHECK(item.at("client") == web_fixture::client);

    CHECK(server.send("DELETE", "/ctms/a@example.com").status == 200);
    item = reader.next_of(id);
    CHECK(item.at("change") == "deleted");
    CHECK(bj::serialize(item).find("example.com") == std::string::npos);

    server.add_contact(contact_of(id, "again@example.com"));
    CHECK(reader.next_of(id).at("change") == "created");
    CHECK(reader.known() == stored(server));
}

TEST_CASE("a follower misses nothing beside writers, long transactions and rollbacks") {
    web_fixture server;
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(server.add_contact(fmt::format(R"({{"email":{{"primary_email":"{}@example.com"}}}})", i)));
    follower pages(server, 3);
    follower lines(server, 100, true);
    std::atomic<int> running = 0;
    {
        std::vector<std::jthread> writers;
        for (int writer = 0; writer < 3; ++writer) {
            ++running;
            writers.emplace_back([&server, &ids, &running, writer] {
                for (int round = 0; round < 30; ++round) {
                    const auto target = fmt::format("/ctms/{}", ids[static_cast<std::size_t>(round * 7 + writer) % ids.size()]);
                    CHECK(ask(server.port(), "PATCH", target, {server.authorization(), {"Content-Type", "application/json"}},
                              patched(std::to_string(round)))
                              .status == 200);
                }
                --running;
            });
        }
        const transaction_writer other_program(server.database().options(), 50ms);
        while (running > 0 || other_program.transactions() < 12) {
            pages.read();
            lines.read();
        }
    }
    CHECK(catches_up(server, pages));
    CHECK(catches_up(server, lines));
}

TEST_CASE("a change waits for the end of earlier transactions, and comes then") {
    web_fixture server;
    server.add_contact(contact_of(id, "a@example.com"));
    server.add_contact(contact_of(other_id, "b@example.com"));
    follower reader(server);
    reader.read();
    persistence::connection holder(server.database().options());
    holder.begin();
    holder.execute(fmt::format("update emails set first_name = 'x' where email_id = '{}'", other_id));
    CHECK(server.send("PATCH", fmt::format("/ctms/{}", id), patched("b")).status == 200);
    reader.read();
    CHECK(reader.known() != stored(server));
    holder.rollback();
    CHECK(reader.next_of(id).at("change") == "updated");
    CHECK(reader.known() == stored(server));
}

TEST_CASE("updates of a contact that is older than the feed are no creations") {
    web_fixture server;
    server.add_contact(contact_of(id, "a@example.com"));
    server.sql("delete from ctms_changes");
    follower reader(server);
    reader.read();
    for (const auto* name : {"b", "c"}) {
        CHECK(server.send("PATCH", fmt::format("/ctms/{}", id), patched(name)).status == 200);
        CHECK(reader.next_of(id).at("change") == "updated");
    }
}

TEST_CASE("changes of other programs come, and only those for the vendor go to the queue") {
    web_fixture server;
    server.add_contact(contact_of(id, "a@example.com"));
    follower reader(server);
    reader.read();
    server.sql("delete from ctms_sync_queue");
    const auto next_of_others = [&] { // other tests on the server may delay the creation by the API until now
        auto item = reader.next_of(id);
        while (item.contains("client")) item = reader.next_of(id);
        return item;
    };
    for (const auto* statement :
         {"insert into newsletters (email_id, name, subscribed, update_timestamp) values ('{}', 'n', true, now())",
          "update newsletters set subscribed = false where email_id = '{}'", "delete from newsletters where email_id = '{}'",
          "insert into fxa (email_id, fxa_id, update_timestamp) values ('{}', 'f', now())",
          "update emails set first_name = 'x' where email_id = '{}'"}) {
        CAPTURE(statement);
        server.sql(fmt::format(fmt::runtime(statement), id));
        CHECK(next_of_others().at("change") == "updated");
    }
    CHECK(server.sql("select from ctms_sync_queue").empty());
    server.sql(fmt::format("insert into emails (email_id, primary_email, update_timestamp) values ('{}', 'b', now())", other_id));
    CHECK(reader.next_of(other_id).at("change") == "created");
    server.sql(fmt::format("delete from emails where email_id = '{}'", other_id));
    CHECK(reader.next_of(other_id).at("change") == "deleted");
    CHECK(server.sql("select from ctms_sync_queue").size() == 1);
}

TEST_CASE("the library's own writes do not pass through the inbox") {
    web_fixture server;
    server.sql(
        "create table noted (what text); create function note() returns trigger language plpgsql as $$ begin insert into noted "
        "values (new.what); return null; end $$; create trigger noted after insert on ctms_inbox for each row execute function note()");
    server.add_contact(
        fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"a@example.com"}},"newsletters":[{{"name":"n"}}],"amo":{{}},)"
                    R"("fxa":{{"fxa_id":"f"}},"mofo":{{}},"waitlists":[{{"name":"vpn","fields":{{"geo":"fr"}}}}]}})",
                    id));
    CHECK(server.send("PATCH", fmt::format("/ctms/{}", id), R"({"newsletters":"UNSUBSCRIBE","amo":"DELETE","waitlists":"UNSUBSCRIBE"})")
              .status == 200);
    persistence::database db(server.database().options());
    service::contact_lists lists(db, "suppress");
    CHECK(lists.suppress(std::vector<std::string>{"a@example.com"}).value().front().changed == 1);
    service::contact_import import(db, {.replace = true, .allow_opt_in = true, .client = "import"});
    CHECK(import.run(std::vector<std::string>{contact_of(id, "a@example.com")}).value().front().what == service::import_outcome::replaced);
    CHECK(server.send("DELETE", "/ctms/a@example.com").status == 200);
    CHECK(server.sql("select from noted").empty());
}

TEST_CASE("bulk commands come completely, with their names") {
    constexpr int count = 3000;
    web_fixture server;
    std::vector<std::string> texts;
    std::vector<std::string> addresses;
    for (int i = 0; i < count; ++i) {
        addresses.push_back(fmt::format("{}@example.com", i));
        texts.push_back(fmt::format(R"({{"email":{{"email_id":"{:08x}-2b1d-4c58-9a47-60e5d1f28b93","primary_email":"{}",)"
                                    R"("create_timestamp":"2020-01-01T00:00:00+00:00","update_timestamp":"2020-01-01T00:00:00+00:00"}}}})",
                                    i, addresses.back()));
    }
    follower reader(server, 1000);
    reader.read();
    std::atomic<bool> done = false;
    std::jthread work([&] {
        persistence::database db(server.database().options());
        service::contact_import import(db, {.client = "the import"});
        for (std::size_t i = 0; i < count; i += 500) CHECK(import.run(std::span(texts).subspan(i, 500)).has_value());
        service::contact_lists lists(db, "the list");
        CHECK(lists.suppress(std::span(addresses).first(count / 2)).has_value());
        CHECK(lists.remove(std::span(addresses).last(count / 3)).has_value());
        done = true;
    });
    std::map<std::string, int> clients;
    CHECK(becomes_true(
        [&] {
            for (const auto& item : reader.read()) ++clients[std::string(item.at("client").as_string())];
            return done && reader.known() == stored(server);
        },
        60s));
    CHECK(reader.known().size() == count - count / 3);
    CHECK(clients.size() <= 2);
    CHECK(clients["the list"] == count / 2 + count / 3);
}

TEST_CASE("a cursor that cannot be followed any more is answered with 410") {
    web_fixture server;
    server.add_contact(contact_of(id, "a@example.com"));
    server.add_contact(contact_of(other_id, "b@example.com"));
    follower reader(server);
    reader.read();
    const auto before = reader.cursor();
    const auto listing = cursor_of(server.get("/changes?limit=1"));
    CHECK(server.send("DELETE", "/ctms/a@example.com").status == 200);
    persistence::database db(server.database().options());
    service::changes feed(db);
    CHECK(feed.forget_deletions(1h).value() == 0);
    CHECK(server.get("/changes?after=" + before).status == 200);
    reader.next_of(id);
    const auto after = reader.cursor();
    CHECK(becomes_true([&] { return feed.forget_deletions(0s).value() == 1; }));
    for (const auto& cursor : {before, listing}) {
        const auto answer = server.get("/changes?after=" + cursor);
        CHECK(answer.status == 410);
        CHECK(answer.body.find("begin again without") != std::string::npos);
    }
    CHECK(server.get("/changes?after=" + after).status == 200);
    CHECK(server.ask("GET", "/changes?after=" + before, {server.authorization(), {"Accept", "application/x-ndjson"}}).status == 410);
    CHECK(server.get("/changes").status == 200);

    server.sql("update ctms_changes_state set epoch = gen_random_uuid()");
    CHECK(server.get("/changes?after=" + after).status == 410);
}

TEST_CASE("a database that was restored into another cluster can be followed from the beginning") {
    web_fixture server;
    server.add_contact(contact_of(id, "a@example.com"));
    const auto old = cursor_of(server.get("/changes?limit=1"));
    server.sql("insert into ctms_changes (email_id, xid, deleted) values (gen_random_uuid(), '99999999', true);"
               "update ctms_changes_state set system_identifier = 1, forgotten_xid = '99999999'");
    CHECK(server.get("/changes?after=" + old).status == 410);
    follower reader(server);
    reader.read();
    CHECK(reader.known() == stored(server));
    CHECK(server.sql("select from ctms_changes where deleted").empty());
}

TEST_CASE("parameters of /changes are checked") {
    web_fixture server;
    for (const auto* query : {"after=x", "after=MSw", "limit=0", "limit=1001", "limit=x", "include=contacts"}) {
        CAPTURE(query);
        CHECK(server.get(fmt::format("/changes?{}", query)).status == 422);
    }
    CHECK(server.ask("GET", "/changes").status == 401);
    const auto empty = server.get("/changes");
    CHECK(empty.status == 200);
    CHECK(bj::parse(empty.body).at("items").as_array().empty());
    CHECK(bj::parse(server.get("/changes?after=" + cursor_of(empty)).body).at("more") == false);
}

} // namespace ctms::test
