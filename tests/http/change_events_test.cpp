// SPDX-License-Identifier: MPL-2.0
// GET /changes as a stream of events: a client that connects again after its last id knows every contact in the end.
#include <support/becomes_true.hpp>
#include <support/cpu_time.hpp>
#include <support/event_stream.hpp>
#include <support/transaction_writer.hpp>
#include <support/web_fixture.hpp>

#include <ctms/auth/access_token.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/api_clients.hpp>
#include <ctms/service/changes.hpp>

#include <persistence/postgres/connection.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>

namespace ctms::test {
namespace {

namespace bj = boost::json;
using namespace std::chrono_literals;

constexpr auto id = "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93";
constexpr auto key = "key of these tests, longer than 32 bytes";

web_fixture::options with_limits(web::limits bounds) {
    web_fixture::options out;
    out.limits = bounds;
    return out;
}

web_fixture::options with_settings(std::function<void(config::settings&)> change) {
    web_fixture::options out;
    out.change_settings = std::move(change);
    return out;
}

std::string contact_of(std::string_view email_id, std::string_view address) {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"{}"}}}})", email_id, address);
}

/// The next event about a change, as JSON.
bj::object next_change(event_stream& from, std::chrono::milliseconds limit = 20s) {
    const auto event = from.next(limit);
    REQUIRE(event.has_value());
    REQUIRE(event->type == "message");
    auto item = bj::parse(event->data).as_object();
    CHECK(item.at("cursor").as_string() == event->id);
    return item;
}

/// The next such change of a contact. Transactions of other tests in the cluster can make earlier changes come again.
bj::object next_change_of(event_stream& from, std::string_view email_id, std::string_view what) {
    for (;;) {
        auto item = next_change(from);
        if (item.at("email_id").as_string() == email_id && item.at("change").as_string() == what) return item;
    }
}

/// The data of the last event of a stream that the server ends.
bj::object last_event(event_stream& from, std::chrono::milliseconds limit = 20s) {
    for (auto event = from.next(limit); event; event = from.next(limit)) {
        if (event->type == "end") return bj::parse(event->data).as_object();
    }
    FAIL("the stream did not say why it ended");
    return {};
}

/// A stream that has shown everything that exists.
std::unique_ptr<event_stream> stream_at_the_end(web_fixture& server, std::string_view query = "") {
    std::string next;
    for (bool more = true; more;) { // other tests in the cluster may delay the end of the feed, so this is the end for now
        const auto page = bj::parse(server.get("/changes?limit=1000&after=" + next).body);
        next = page.at("next").as_string();
        more = page.at("more").as_bool();
    }
    auto out =
        std::make_unique<event_stream>(server.port(), fmt::format("/changes?after={}{}", next, query), header_list{server.authorization()});
    REQUIRE(out->status() == 200);
    return out;
}

std::size_t lines_with(const std::string& log, std::string_view text) {
    std::size_t out = 0;
    for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + text.size())) ++out;
    return out;
}

std::string metric(web_fixture& server, const std::string& name) {
    const auto text = server.ask("GET", "/metrics").body;
    const auto at = text.find("\n" + name + " ");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
}

/// More than the system takes for a client that does not read.
void fill_with_large_contacts(web_fixture& server) {
    server.sql("insert into emails (email_id, primary_email, unsubscribe_reason, update_timestamp) select gen_random_uuid(), 'a' || i, "
               "repeat('x', 50000), now() from generate_series(1, 500) i");
}

/// Keeps what the events say, as a client does, and connects again after the last id when the stream ends.
class event_follower {
public:
    explicit event_follower(web_fixture& server) : server_(&server) {}

    /// Takes events until none has come for `silence`.
    void read(std::chrono::milliseconds silence) {
        for (;;) {
            if (!stream_) connect();
            const auto event = stream_->next(silence);
            if (event && event->type == "message") {
                note(bj::parse(event->data).as_object());
            } else if (!event) {
                return;
            }
        }
    }
    /// Breaks the connection. The next read connects again.
    void disconnect() {
        if (stream_ && !stream_->last_id().empty()) last_id_ = stream_->last_id();
        stream_.reset();
    }
    [[nodiscard]] const std::map<std::string, std::string>& known() const { return known_; }

private:
    void connect() {
        header_list headers{server_->authorization()};
        if (!last_id_.empty()) headers.emplace_back("Last-Event-ID", last_id_);
        stream_ = std::make_unique<event_stream>(server_->port(), "/changes?include=contact", headers);
        REQUIRE(stream_->status() == 200);
    }
    void note(const bj::object& item) {
        const std::string email_id(item.at("email_id").as_string());
        if (item.at("change") == "deleted") {
            known_.erase(email_id);
        } else if (item.at("contact").is_object()) {
            known_[email_id] = item.at("contact").at("email").at("update_timestamp").as_string();
        }
    }

    web_fixture* server_;
    std::unique_ptr<event_stream> stream_;
    std::string last_id_;
    std::map<std::string, std::string> known_;
};

std::map<std::string, std::string> stored(web_fixture& server) {
    const auto found = server.sql(
        "select email_id::text, to_char(update_timestamp at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"') from emails");
    std::map<std::string, std::string> out;
    for (std::size_t row = 0; row < found.size(); ++row) out.emplace(found.text(row, 0), found.text(row, 1));
    return out;
}

} // namespace

TEST_CASE("an event stream begins with all contacts and shows changes as they happen") {
    web_fixture server;
    for (int i = 0; i < 3; ++i) server.add_contact(fmt::format(R"({{"email":{{"primary_email":"{}@example.com"}}}})", i));
    event_stream stream(server.port(), "/changes?include=contact&limit=1", {server.authorization(), {"Accept-Encoding", "gzip"}});
    CHECK(stream.status() == 200);
    for (const auto* line : {"Content-Type: text/event-stream\r\n", "Cache-Control: no-store\r\n", "Connection: close\r\n"}) {
        CAPTURE(line);
        CHECK(stream.head().find(line) != std::string::npos);
    }
    CHECK(stream.head().find("Content-Encoding") == std::string::npos);
    CHECK(stream.head().find("Content-Length") == std::string::npos);
    for (int i = 0; i < 3; ++i) {
        const auto item = next_change(stream);
        CHECK(item.at("change") == "created");
        CHECK(item.at("contact").at("email").at("email_id") == item.at("email_id"));
    }
    CHECK(stream.retry().value_or(0) > 0);

    server.add_contact(contact_of(id, "a@example.com"));
    auto item = next_change_of(stream, id, "created");
    CHECK(item.at("client") == web_fixture::client);
    CHECK(server.send("DELETE", "/ctms/a@example.com").status == 200);
    item = next_change_of(stream, id, "deleted");
    CHECK(bj::serialize(item).find("example.com") == std::string::npos);
    server.sql("insert into emails (email_id, primary_email, update_timestamp) values ('" + std::string(id) + "', 'b', now())");
    CHECK(next_change_of(stream, id, "created").contains("contact")); // of another program
}

TEST_CASE("an event stream goes on after the last id, whatever the URL says") {
    web_fixture server;
    const auto first = stream_at_the_end(server);
    server.add_contact(contact_of(id, "a@example.com"));
    CHECK(next_change(*first).at("email_id") == id);
    const auto last = first->last_id();
    event_stream again(server.port(), "/changes", {server.authorization(), {"Last-Event-ID", last}});
    CHECK(server.send("PATCH", fmt::format("/ctms/{}", id), R"({"email":{"first_name":"b"}})").status == 200);
    CHECK(next_change(again).at("change") == "updated");
    CHECK(next_change(*first).at("change") == "updated");

    event_stream silent(server.port(), "/changes", {server.authorization(), {"Last-Event-ID", again.last_id()}});
    for (int i = 0; i < 50 && silent.last_id().empty(); ++i) (void)silent.next(100ms);
    CHECK_FALSE(silent.last_id().empty()); // a client that is cut off before the first event must not forget its place

    event_stream wrong(server.port(), "/changes", {server.authorization(), {"Last-Event-ID", "x"}});
    CHECK(wrong.status() == 422);
    CHECK(wrong.body().find("Last-Event-ID") != std::string::npos);
    event_stream empty(server.port(), "/changes", {server.authorization(), {"Last-Event-ID", ""}});
    CHECK(empty.status() == 200);
}

TEST_CASE("JSON stays the answer unless the client prefers events") {
    web_fixture server;
    const auto type = [&](const char* accept) {
        return server.ask("GET", "/changes", {server.authorization(), {"Accept", accept}}).header("content-type");
    };
    CHECK(type("*/*") == "application/json");
    CHECK(type("application/json, text/event-stream;q=0.5") == "application/json");
    CHECK(type("application/x-ndjson, text/event-stream;q=0.5") == "application/x-ndjson");
    http_connection head(server.port());
    REQUIRE(head.send(request_text("HEAD", "/changes", {server.authorization(), {"Accept", "text/event-stream"}})));
    CHECK(head.receive(true).header("content-type") == "text/event-stream");
    CHECK(head.ends_within(5s));
    CHECK(metric(server, "ctms_event_streams_open") == "0");
}

TEST_CASE("events for an HTTP/1.0 client come without chunks") {
    web_fixture server;
    server.add_contact(contact_of(id, "a@example.com"));
    event_stream stream(server.port(), "/changes", {server.authorization()}, true);
    CHECK(stream.head().find("Transfer-Encoding") == std::string::npos);
    CHECK(next_change(stream).at("email_id") == id);
}

TEST_CASE("event streams miss nothing beside writers, long transactions and broken connections") {
    web_fixture server;
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(server.add_contact(fmt::format(R"({{"email":{{"primary_email":"{}@example.com"}}}})", i)));
    event_follower steady(server);
    event_follower broken(server);
    std::atomic<int> running = 2;
    {
        std::vector<std::jthread> writers;
        for (int writer = 0; writer < 2; ++writer) {
            writers.emplace_back([&server, &ids, &running, writer] {
                for (int round = 0; round < 40; ++round) {
                    const auto target = fmt::format("/ctms/{}", ids[static_cast<std::size_t>(round * 7 + writer) % ids.size()]);
                    CHECK(ask(server.port(), "PATCH", target, {server.authorization(), {"Content-Type", "application/json"}},
                              fmt::format(R"({{"email":{{"first_name":"{}"}}}})", round))
                              .status == 200);
                }
                --running;
            });
        }
        const transaction_writer other_program(server.database().options(), 150ms);
        while (running > 0 || other_program.transactions() < 12) {
            steady.read(20ms);
            broken.read(20ms);
            broken.disconnect();
        }
    }
    for (auto* reader : {&steady, &broken}) {
        CHECK(becomes_true(
            [&] {
                reader->read(100ms);
                return reader->known() == stored(server);
            },
            30s));
    }
}

namespace {

/// How many transactions the server's database commits within three seconds. The server, whose streams have nothing to send, uses little
/// CPU time meanwhile.
std::int64_t transactions_in_three_seconds(web_fixture& server) {
    const auto committed = [&] {
        return server.sql("select pg_stat_clear_snapshot(), xact_commit from pg_stat_database where datname = current_database()")
            .integer(0, 1);
    };
    const auto before = committed();
    const auto cpu_before = cpu_seconds_of_process();
    std::this_thread::sleep_for(3s);
    CHECK(cpu_seconds_of_process() - cpu_before < 0.5);
    return committed() - before;
}

} // namespace

TEST_CASE("streams that go on behind the place of an idle one wait with it") {
    web_fixture server;
    auto first = stream_at_the_end(server);
    server.add_contact(contact_of(id, "a@example.com"));
    CHECK(next_change_of(*first, id, "created").contains("cursor"));
    const auto last = first->last_id();
    first.reset();
    REQUIRE(becomes_true([&] { return metric(server, "ctms_event_streams_open") == "0"; }));
    std::vector<std::unique_ptr<event_stream>> streams;
    const auto open = [&](header_list headers) {
        headers.push_back(server.authorization());
        streams.push_back(std::make_unique<event_stream>(server.port(), "/changes", headers));
    };
    open({}); // its place, at the end of the list of all contacts, is after the last change
    CHECK(next_change(*streams.front()).at("change") == "created");
    for (int i = 0; i < 40; ++i) open({{"Last-Event-ID", last}});
    CHECK(transactions_in_three_seconds(server) < 100);
    CHECK(server.send("PATCH", fmt::format("/ctms/{}", id), R"({"email":{"first_name":"b"}})").status == 200);
    for (const auto& one : streams) CHECK(next_change_of(*one, id, "updated").contains("cursor"));
}

TEST_CASE("the database is asked a few times a second, however many event streams are open") {
    web_fixture server;
    std::vector<std::unique_ptr<event_stream>> streams;
    for (int i = 0; i < 60; ++i) streams.push_back(stream_at_the_end(server));
    CHECK(metric(server, "ctms_event_streams_open") == "60");
    server.add_contact(contact_of(id, "a@example.com"));
    for (const auto& one : streams) CHECK(next_change(*one).at("email_id") == id);
    CHECK(server.sql("select from pg_stat_activity where datname = current_database() and backend_type = 'client backend'").size() < 12);
    CHECK(transactions_in_three_seconds(server) <
          100); // one reader four times a second, and the drain; with a reader for each stream it would be 720
    // Ordinary requests are answered meanwhile.
    for (int i = 0; i < 20; ++i) CHECK(server.get(fmt::format("/ctms/{}", id)).status == 200);
    streams.clear();
    CHECK(becomes_true([&] { return metric(server, "ctms_event_streams_open") == "0"; }));
    CHECK(metric(server, "ctms_event_streams_ended_total{reason=\"client\"}") == "60");
    CHECK(std::stod(metric(server, "ctms_events_sent_total")) >= 60);
    CHECK(std::stod(metric(server, "ctms_event_lag_seconds_count")) >= 60);
    const auto log = server.log_text();
    const auto line = log.find("An event stream ended: client");
    REQUIRE(line != std::string::npos);
    CHECK(log.substr(log.rfind('\n', line) + 1, 2'000).find(R"("events":1)") != std::string::npos);
    CHECK(log.find(R"("stream":true)") != std::string::npos);
}

TEST_CASE("more event streams than allowed are refused") {
    web_fixture server(with_settings([](config::settings& settings) {
        settings.event_streams = 3;
        settings.event_streams_per_client = 2;
    }));
    const auto first = stream_at_the_end(server);
    auto second = stream_at_the_end(server);
    event_stream third(server.port(), "/changes", {server.authorization()});
    CHECK(third.status() == 429);
    CHECK(third.head().find("Retry-After: 60") != std::string::npos);
    persistence::database db(server.database().options());
    const auto other = service::api_clients(db).create({.name = "other", .email = "team@example.com"});
    REQUIRE(other.has_value());
    const header_list as_other{{"Authorization", "Bearer " + server.token_for("api_client:" + other->client.client_id)}};
    const event_stream of_other(server.port(), "/changes", as_other);
    CHECK(of_other.status() == 200);
    event_stream too_many(server.port(), "/changes", as_other);
    CHECK(too_many.status() == 503);
    CHECK(too_many.head().find("Retry-After: 1") != std::string::npos);
    CHECK(server.get("/changes").status == 200);
    second.reset();
    CHECK(becomes_true([&] { return event_stream(server.port(), "/changes", as_other).status() == 200; }));
    CHECK(std::stod(metric(server, "ctms_requests_rejected_total{reason=\"streams\"}")) >= 2);
}

TEST_CASE("an event stream ends when its token expires") {
    web_fixture server(with_settings([](config::settings& settings) { settings.secret_key = key; }));
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto token = auth::token_signer(key, true).sign(std::string("api_client:") + web_fixture::client, now + 4s);
    event_stream stream(server.port(), "/changes", {{"Authorization", "Bearer " + token}});
    REQUIRE(stream.status() == 200);
    CHECK(last_event(stream).at("reason") == "token_invalid");
    CHECK(stream.ends_within(5s));
    CHECK(stream.is_whole());
    CHECK(std::chrono::system_clock::now() >= now + 4s);
}

TEST_CASE("an event stream ends when its client is disabled, or loses the role") {
    web_fixture server;
    const auto stream = stream_at_the_end(server);
    persistence::database db(server.database().options());
    service::api_clients clients(db);
    REQUIRE(clients.set_roles(web_fixture::client, std::set<model::role>{model::role::read}).has_value());
    CHECK(last_event(*stream).at("reason") == "role_missing");
    REQUIRE(clients.set_roles(web_fixture::client, std::set<model::role>{model::role::read, model::role::updates}).has_value());
    REQUIRE(becomes_true([&] { return server.get("/changes").status == 200; }));
    const auto other = stream_at_the_end(server);
    REQUIRE(clients.set_enabled(web_fixture::client, false).has_value());
    CHECK(last_event(*other).at("reason") == "client_disabled");
    CHECK(other->ends_within(5s));
    CHECK(becomes_true([&] { return server.log_text().find(R"("reason":"client_disabled")") != std::string::npos; }));
}

TEST_CASE("tokens of event streams are checked while requests hold all connections of the pool") {
    constexpr int pool_size = 2;
    web_fixture server(with_settings([](config::settings& settings) {
        settings.db_pool_size = pool_size;
        settings.db_max_overflow = 0;
        settings.workers = pool_size + 1;
    }));
    const auto contact = server.add_contact(contact_of(id, "a@example.com"));
    const auto stream = stream_at_the_end(server);
    persistence::connection holder(server.database().options());
    holder.begin();
    holder.execute("lock table ctms_documents in access exclusive mode"); // which reads of contacts wait for
    std::vector<std::unique_ptr<http_connection>> requests;
    const auto ask_for_contact = [&] {
        requests.push_back(std::make_unique<http_connection>(server.port()));
        REQUIRE(requests.back()->send(request_text("GET", "/ctms/" + contact, {server.authorization()})));
    };
    for (std::size_t held = 1; held <= pool_size; ++held) {
        ask_for_contact(); // after the one before waits, so that they do not share a statement
        REQUIRE(becomes_true([&] {
            return server.sql("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").size() ==
                   held;
        }));
    }
    ask_for_contact();
    REQUIRE(becomes_true([&] { return metric(server, "ctms_database_pool_waiting") == "1"; }));
    server.sql(fmt::format("update api_client set enabled = false where client_id = '{}'", web_fixture::client));
    CHECK(last_event(*stream).at("reason") == "client_disabled");
    CHECK(metric(server, "ctms_database_pool_waiting") == "1"); // the pool was full all the time
    holder.rollback();
    for (const auto& request : requests) CHECK(request->receive().status == 200);
}

TEST_CASE("event streams end at once when the server stops") {
    web_fixture server;
    const auto stream = stream_at_the_end(server);
    server.begin_stop();
    CHECK(last_event(*stream, 5s).at("reason") == "server_stopping");
    CHECK(stream->retry().value_or(0) > 0);
    CHECK(stream->ends_within(5s));
    CHECK(stream->is_whole());
    CHECK(server.stopped_within(10s));
}

TEST_CASE("an event stream that its client does not read ends soon when it must end") {
    web::limits bounds;
    bounds.write_time = bounds.drain_time = 60s;
    bounds.drain_idle_time = 100ms;
    web_fixture server(with_limits(bounds));
    const auto stream = stream_at_the_end(server, "&include=contact");
    fill_with_large_contacts(server);
    const auto sent = [&] { return std::stod(metric(server, "ctms_events_sent_total")); };
    double before = -1;
    REQUIRE(becomes_true([&] {
        std::this_thread::sleep_for(300ms);
        const auto now = sent();
        return now > 0 && std::exchange(before, now) == now;
    }));
    SUBCASE("the server stops") {
        server.begin_stop();
        CHECK(server.stopped_within(20s));
    }
    SUBCASE("the client was disabled") {
        server.sql(fmt::format("update api_client set enabled = false where client_id = '{}'", web_fixture::client));
        CHECK(becomes_true([&] { return metric(server, "ctms_event_streams_open") == "0"; }, 20s));
    }
}

TEST_CASE("a silent event stream sends comments, and a client that is gone gives its place back") {
    web::limits bounds;
    bounds.event_pause = 200ms;
    web_fixture server(with_limits(bounds));
    auto stream = stream_at_the_end(server);
    CHECK(becomes_true([&] {
        (void)stream->next(100ms);
        return stream->comments() >= 3;
    }));
    stream.reset();
    CHECK(becomes_true([&] { return metric(server, "ctms_event_streams_open") == "0"; }));
}

TEST_CASE("a client that does not read its events is disconnected") {
    web::limits bounds;
    bounds.write_time = 500ms;
    web_fixture server(with_limits(bounds));
    fill_with_large_contacts(server);
    const event_stream stream(server.port(), "/changes?include=contact", {server.authorization()});
    CHECK(becomes_true([&] { return metric(server, "ctms_event_streams_ended_total{reason=\"timeout\"}") == "1"; }, 30s));
    CHECK(metric(server, "ctms_event_streams_open") == "0");
}

TEST_CASE("an old cursor gets 410 before the events, and an event within them") {
    web_fixture server;
    server.add_contact(contact_of(id, "a@example.com"));
    const std::string old(bj::parse(server.get("/changes?limit=1").body).at("next").as_string());
    const auto stream = stream_at_the_end(server);
    server.sql("update ctms_changes_state set epoch = gen_random_uuid()");
    const auto last = last_event(*stream);
    CHECK(last.at("reason") == "cursor_gone");
    CHECK(last.at("detail").as_string().find("begin again without") != std::string::npos);
    event_stream again(server.port(), "/changes", {server.authorization(), {"Last-Event-ID", old}});
    CHECK(again.status() == 410);
    CHECK(event_stream(server.port(), "/changes", {}).status() == 401);
}

TEST_CASE("event streams survive a failure of the database") {
    web_fixture server;
    const auto stream = stream_at_the_end(server);
    CHECK(metric(server, "ctms_event_streams_failures_total{what=\"feed\"}") == "0");
    for (std::size_t outage = 1; outage <= 2; ++outage) {
        const auto failures = [&] { return std::stod(metric(server, "ctms_event_streams_failures_total{what=\"feed\"}")); };
        const auto before = failures();
        server.sql("alter table ctms_changes rename to elsewhere");
        CHECK(becomes_true([&] { return failures() >= before + 3; }));
        server.sql("alter table elsewhere rename to ctms_changes");
        CHECK(becomes_true([&] { return lines_with(server.log_text(), "Event streams go on") == outage; }));
        CHECK(lines_with(server.log_text(), "event streams wait") == outage);
    }
    server.add_contact(contact_of(id, "a@example.com"));
    CHECK(next_change(*stream).at("email_id") == id);
}

} // namespace ctms::test
