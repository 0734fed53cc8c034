// SPDX-License-Identifier: MPL-2.0
// /updates as NDJSON: sending lines to clients, including slow ones, HTTP/1.0 clients and those that disconnect.
#include <support/web_fixture.hpp>

#include <ctms/persistence/database.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <persistence/clients/client_repository.hpp>

#include <algorithm>
#include <stdexcept>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

constexpr auto span = "/updates?start=2020-01-01T00:00:00Z&end=2020-03-01T00:00:00Z";
constexpr int many = 4000; // 60 MB of lines: much more than sockets can buffer

/// Adds contacts of about 15 kB each.
void fill(web_fixture& server, int contacts) {
    server.sql(fmt::format("insert into emails (email_id, primary_email, unsubscribe_reason, update_timestamp) select gen_random_uuid(), "
                           "'c-' || n, repeat('x', 15000), '2020-02-02 02:02:02+00' from generate_series(1, {}) n",
                           contacts));
}

/// Uses one reading thread, so that a request that holds it is noticed.
web_fixture::options with(const web::limits& bounds = {}) {
    return {.limits = bounds, .change_settings = [](config::settings& settings) { settings.workers = 1; }};
}

std::string request_for_lines(web_fixture& server, const std::string& id) {
    return request_text("GET", span, {server.authorization(), {"Accept", "application/x-ndjson"}, {"X-Request-Id", id}});
}

/// A request whose response has started, with a client that has stopped reading.
class slow_reader {
public:
    explicit slow_reader(web_fixture& server) : server_(server), connection_(server.port()) {
        REQUIRE(connection_.send(request_for_lines(server, id)));
        REQUIRE(connection_.has_input(10s));
    }
    static constexpr auto id = "slow";

    [[nodiscard]] http_connection& connection() { return connection_; }
    [[nodiscard]] bool is_logged() { return server_.log_text().find(R"("rid":"slow")") != std::string::npos; }
    /// Returns the fields of the log line as soon as it is written.
    boost::json::object fields() {
        REQUIRE(becomes_true([&] { return is_logged(); }));
        http_answer answer;
        answer.headers.emplace_back("x-request-id", id);
        return server_.fields_of(answer);
    }

private:
    web_fixture& server_;
    http_connection connection_;
};

bool reads_are_served(web_fixture& server) { return server.get("/ctms?fxa_id=x").status == 200; }

/// Returns true as soon as the service does nothing in the database.
bool database_is_idle(web_fixture& server) {
    return becomes_true([&] {
        return server.sql("select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'")
            .empty();
    });
}

/// Returns the memory of this process, which includes the server, in bytes.
double memory_of(web_fixture& server) {
    const auto text = server.ask("GET", "/metrics").body;
    const std::string name = "\nprocess_resident_memory_bytes ";
    const auto at = text.find(name);
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + name.size(), 30));
}

std::string message_of(http_connection& connection) {
    try {
        return std::to_string(connection.receive().body.size());
    } catch (const std::runtime_error& failure) {
        return failure.what();
    }
}

} // namespace

TEST_CASE("a connection can be used again after lines") {
    web_fixture server;
    fill(server, 300);
    http_connection connection(server.port());
    REQUIRE(connection.send(request_for_lines(server, "a") + request_text("GET", "/__lbheartbeat__")));
    const auto lines = connection.receive();
    CHECK(std::count(lines.body.begin(), lines.body.end(), '\n') == 300);
    CHECK(lines.keep_alive);
    CHECK(connection.receive().body == R"({"status":"OK"})");
}

TEST_CASE("an HTTP/1.0 client reads lines until the connection ends") {
    web_fixture server;
    fill(server, 300);
    for (const std::string header : {"", "Connection: keep-alive\r\n"}) {
        http_connection connection(server.port());
        REQUIRE(connection.send(fmt::format("GET {} HTTP/1.0\r\nAccept: application/x-ndjson\r\nAuthorization: {}\r\n{}\r\n", span,
                                            server.authorization().second, header)));
        const auto answer = connection.receive();
        CHECK(answer.status == 200);
        CHECK_FALSE(answer.has_header("transfer-encoding"));
        CHECK_FALSE(answer.has_header("content-length"));
        CHECK_FALSE(answer.keep_alive);
        CHECK(std::count(answer.body.begin(), answer.body.end(), '\n') == 300);
        CHECK(connection.ends_within(5s));
    }
}

TEST_CASE("a client that does not read occupies neither memory nor a thread nor the database") {
    web_fixture server(with());
    fill(server, many);
    CHECK(reads_are_served(server));
    const auto before = memory_of(server);
    slow_reader reader(server);
    for (int i = 0; i < 20; ++i) CHECK(reads_are_served(server));
    CHECK(database_is_idle(server));
    CHECK_FALSE(reader.is_logged());
    CHECK(server.ask("GET", "/metrics").body.find("ctms_requests_in_flight 2\n") != std::string::npos); // the reader and this request
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr double most = 45e6; // sanitizers record each byte
#else
    constexpr double most = 16e6;
#endif
    CHECK(memory_of(server) - before < most);
    const auto answer = reader.connection().receive();
    CHECK(std::count(answer.body.begin(), answer.body.end(), '\n') == many);
    CHECK(reader.fields().at("status_code") == 200);
}

TEST_CASE("a client that does not read in time is disconnected") {
    web::limits bounds;
    bounds.write_time = 300ms;
    web_fixture server(with(bounds));
    fill(server, many);
    slow_reader reader(server);
    CHECK(reader.fields().at("cut") == "timeout");
    CHECK(message_of(reader.connection()) == "the connection was reset");
    CHECK(reads_are_served(server));
}

TEST_CASE("a client that disconnects is logged and releases its resources") {
    web_fixture server(with());
    fill(server, many);
    { const slow_reader gone(server); }
    REQUIRE(becomes_true([&] { return server.log_text().find(R"("cut":"client")") != std::string::npos; }));
    CHECK(database_is_idle(server));
    CHECK(reads_are_served(server));
    CHECK(server.ask("GET", "/metrics").body.find("ctms_requests_in_flight 1\n") != std::string::npos);
}

TEST_CASE("lines that cannot be read completely end without the last chunk, and with a reset") {
    web_fixture server(with());
    fill(server, many);
    slow_reader reader(server);
    CHECK(database_is_idle(server));
    server.sql("drop table waitlists");
    CHECK(message_of(reader.connection()) == "the connection was reset");
    const auto fields = reader.fields();
    CHECK(fields.at("cut") == "server");
    CHECK(fields.at("status_code") == 200);
    CHECK(fields.at("error").as_string().find("waitlists") != std::string::npos);
    CHECK(server.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a client that was disabled does not get the rest of the lines") {
    web_fixture server(with());
    fill(server, many);
    slow_reader reader(server);
    {
        persistence::database db(server.database().options());
        REQUIRE(persistence::client_repository(db).set_enabled(web_fixture::client, false).has_value());
    }
    REQUIRE(becomes_true([&] { return server.get("/ctms?fxa_id=x").status == 400; })); // the server has noticed
    CHECK(message_of(reader.connection()) == "the connection was reset");
    const auto fields = reader.fields();
    CHECK(fields.at("cut") == "token");
    CHECK_FALSE(fields.contains("error"));
}

TEST_CASE("lines begin only if there is memory for the piece that waits behind the first one") {
    web::limits bounds;
    bounds.memory_bytes = 12 * 1024 * 1024; // a quarter of it is for one address, and the first piece has 1.5 MB
    web_fixture server(with(bounds));
    fill(server, many);
    const slow_reader reader(server);
    http_connection second(server.port());
    REQUIRE(second.send(request_for_lines(server, "second")));
    CHECK(second.receive().status == 503);
    CHECK(reads_are_served(server));
    CHECK(server.ask("GET", "/metrics").body.find("ctms_requests_rejected_total{reason=\"memory\"} 1\n") != std::string::npos);
}

TEST_CASE("without chunks a reset shows that lines are missing") {
    web_fixture server(with());
    fill(server, many);
    http_connection connection(server.port());
    REQUIRE(connection.send(
        fmt::format("GET {} HTTP/1.0\r\nAccept: application/x-ndjson\r\nAuthorization: {}\r\n\r\n", span, server.authorization().second)));
    REQUIRE(connection.has_input(10s));
    CHECK(database_is_idle(server));
    server.sql("drop table waitlists");
    CHECK(message_of(connection) == "the connection was reset");
}

TEST_CASE("a database failure before the first line gets an error status") {
    web_fixture server;
    server.sql("drop table emails cascade");
    const auto answer = server.ask("GET", span, {server.authorization(), {"Accept", "application/x-ndjson"}});
    CHECK(answer.status == 503);
    CHECK(answer.header("content-type") == "application/json");
}

TEST_CASE("the lines of a response in progress are sent completely before the server stops") {
    web_fixture server(with());
    fill(server, many);
    slow_reader reader(server);
    server.begin_stop();
    CHECK_FALSE(server.stopped_within(300ms));
    const auto answer = reader.connection().receive();
    CHECK(std::count(answer.body.begin(), answer.body.end(), '\n') == many);
    CHECK(reader.connection().ends_within(5s));
    CHECK(server.stopped_within(5s));
}

TEST_CASE("a response that does not end in time is cut off when the server stops") {
    web::limits bounds;
    bounds.drain_time = 300ms;
    web_fixture server(with(bounds));
    fill(server, many);
    slow_reader reader(server);
    server.begin_stop();
    CHECK(server.stopped_within(5s));
    CHECK(reader.fields().at("cut") == "stop");
    CHECK(message_of(reader.connection()) == "the connection was reset");
}

} // namespace ctms::test
