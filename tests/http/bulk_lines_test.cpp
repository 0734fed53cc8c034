// SPDX-License-Identifier: MPL-2.0
// POST /ctms/bulk with lines: results in step, back-pressure in both directions, and what happens when one side stops.
#include "bulk_client.hpp"
#include "support/held_writes.hpp"
#include "support/web_fixture.hpp"

#include <persistence/clients/client_repository.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctms::test {
namespace {

namespace bj = boost::json;
using namespace std::chrono_literals;

std::string line(std::size_t number, std::string_view more = "") {
    return fmt::format("{{\"email\":{{\"primary_email\":\"p{}@example.com\"}}{}}}\n", number, more);
}

std::string lines(std::size_t from, std::size_t to) {
    std::string out;
    for (auto i = from; i < to; ++i) out += line(i);
    return out;
}

std::int64_t status(const bj::object& result) { return result.at("status").as_int64(); }
std::int64_t index(const bj::object& result) { return result.at("index").as_int64(); }

header_list named(web_fixture& web, std::string_view id) { return {web.authorization(), {"X-Request-Id", std::string(id)}}; }

std::size_t stored(web_fixture& web) { return web.sql("select from emails").size(); }

/// The fields of the log line of the request with this id, as soon as it is written.
bj::object logged(web_fixture& web, std::string_view id) {
    http_answer answer;
    answer.headers.emplace_back("x-request-id", std::string(id));
    const auto rid = fmt::format(R"("rid":"{}")", id);
    REQUIRE(becomes_true([&] { return web.log_text().find(rid) != std::string::npos; }));
    return web.fields_of(answer);
}

} // namespace

TEST_CASE("bulk lines: a client that waits for the result of each line gets it") {
    web_fixture web;
    bulk_client client(web.port(), {web.authorization()});
    CHECK(client.status() == 200);
    for (std::size_t i = 0; i < 5; ++i) {
        REQUIRE(client.send(line(i)));
        const auto result = client.next();
        REQUIRE(result.has_value());
        CHECK(index(*result) == static_cast<std::int64_t>(i));
        CHECK(status(*result) == 201);
        CHECK(stored(web) == i + 1);
    }
    REQUIRE(client.finish());
    CHECK_FALSE(client.next().has_value());
}

TEST_CASE("bulk lines: lines may arrive in any pieces, blank ones are left out, and the last one needs no line feed") {
    web_fixture web;
    bulk_client client(web.port(), {web.authorization()});
    const auto first = line(0);
    for (const char c : first) REQUIRE(client.send(std::string(1, c)));
    REQUIRE(client.send("\n \t\r\n" + line(1) + "not JSON\n\xff\n" + line(0, R"(,"amo":{"user_id":"7"})") + R"({"op":"create","email":)"));
    REQUIRE(client.send(R"({"primary_email":"last@example.com"}})"));
    REQUIRE(client.finish());
    const auto results = client.rest();
    REQUIRE(results.size() == 6);
    const std::vector<std::int64_t> wanted{201, 201, 422, 400, 200, 201};
    for (std::size_t i = 0; i < results.size(); ++i) {
        CHECK(index(results[i]) == static_cast<std::int64_t>(i));
        CHECK(status(results[i]) == wanted[i]);
    }
    CHECK(stored(web) == 3);
}

TEST_CASE("bulk lines: a body with a length, and another request on the same connection") {
    web_fixture web;
    http_connection connection(web.port());
    const header_list headers{web.authorization(), {"Content-Type", "application/x-ndjson; charset=utf-8"}};
    const auto answer = connection.ask("POST", "/ctms/bulk", headers, lines(0, 3000));
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type") == "application/x-ndjson");
    CHECK(answer.header("transfer-encoding") == "chunked");
    CHECK_FALSE(answer.has_header("content-encoding"));
    CHECK(std::count(answer.body.begin(), answer.body.end(), '\n') == 3000);
    CHECK(answer.keep_alive);
    CHECK(connection.ask("POST", "/ctms/bulk", headers, lines(2999, 3001)).body.find("\"status\":201") != std::string::npos);
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
    CHECK(stored(web) == 3001);
    CHECK(connection.ask("POST", "/ctms/bulk", headers).body.empty()); // no body at all
    const auto old = web.ask("POST", "/ctms/bulk?allow_opt_in=maybe", headers, lines(0, 1));
    CHECK(old.status == 422);
    CHECK_FALSE(old.keep_alive); // its body was not read
}

TEST_CASE("bulk lines: a client that expects 100 Continue gets it only with a valid token") {
    web_fixture web;
    const auto request = [&](const header_list& more) {
        header_list headers{{"Content-Type", "application/x-ndjson"}, {"Expect", "100-continue"}, {"Content-Length", "100000000000"}};
        headers.insert(headers.end(), more.begin(), more.end());
        return request_text("POST", "/ctms/bulk", headers);
    };
    http_connection refused(web.port());
    REQUIRE(refused.send(request({})));
    const auto answer = refused.receive();
    CHECK(answer.status == 401);
    CHECK_FALSE(answer.keep_alive);
    http_connection taken(web.port());
    REQUIRE(taken.send(request({web.authorization()})));
    CHECK(taken.receive().status == 100);
    http_connection too_large(web.port());
    REQUIRE(too_large.send(request_text("POST", "/ctms/bulk", {web.authorization(), {"Content-Length", "100000000000"}})));
    CHECK(too_large.receive().status == 413); // a list has a limit
}

TEST_CASE("bulk lines: a line that is too long gets 413, and the next ones are done") {
    web_fixture web;
    bulk_client client(web.port(), {web.authorization()});
    REQUIRE(client.send(line(0) + R"({"email":{"primary_email":")"));
    for (int i = 0; i < 40; ++i) REQUIRE(client.send(std::string(100'000, 'x')));
    REQUIRE(client.send("\n" + line(1)));
    REQUIRE(client.finish());
    const auto results = client.rest();
    REQUIRE(results.size() == 3);
    CHECK(status(results[0]) == 201);
    CHECK(status(results[1]) == 413);
    CHECK(results[1].at("detail") == "The line has more than 1048576 bytes");
    CHECK(index(results[2]) == 2);
    CHECK(status(results[2]) == 201);
    CHECK(stored(web) == 2);
}

TEST_CASE("bulk lines: what was acknowledged is stored when the client goes away") {
    web::limits bounds;
    bounds.body_time = 1h; // the end is noticed at once
    web_fixture web({.limits = bounds});
    std::size_t acknowledged = 0;
    {
        bulk_client client(web.port(), named(web, "leaves"));
        REQUIRE(client.send(lines(0, 2500)));
        for (; acknowledged < 100; ++acknowledged) REQUIRE(status(client.next().value()) == 201);
        REQUIRE(client.send(line(9999).substr(0, 20)));
    }
    const auto fields = logged(web, "leaves");
    CHECK(fields.at("cut") == "client");
    CHECK(static_cast<std::size_t>(fields.at("bulk_created").as_int64()) >= acknowledged);
    for (std::size_t i = 0; i < acknowledged; ++i)
        if (web.sql(fmt::format("select from emails where primary_email = 'p{}@example.com'", i)).empty()) FAIL_CHECK("missing: ", i);
    CHECK(web.sql("select from emails where primary_email like 'p9999%'").empty());
}

TEST_CASE("bulk lines: a client that does not read its results is not read from, and occupies no thread") {
    web::limits bounds;
    bounds.write_time = 2s;
    bounds.body_time = 10min; // not what ends this
    web_fixture web({.limits = bounds, .change_settings = [](config::settings& settings) { settings.workers = 1; }});
    bulk_client client(web.port(), named(web, "deaf"));
    // Results with long errors fill the buffers soon.
    std::string bad;
    while (bad.size() < 1'000'000)
        bad += R"({"newsletters":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]})"
               "\n";
    const auto chunk = fmt::format("{:x}\r\n{}\r\n", bad.size(), bad);
    const auto most = 90 * chunk.size();
    const auto until = std::chrono::steady_clock::now() + 1min;
    const auto has_ended = [&] { return web.log_text().find(R"("rid":"deaf")") != std::string::npos; };
    std::size_t taken = 0;
    std::string_view rest = chunk;
    for (int i = 0; taken < most && !has_ended() && std::chrono::steady_clock::now() < until; ++i) {
        const auto now = client.send_while_taken(rest, 200ms);
        taken += now;
        rest.remove_prefix(now);
        if (rest.empty()) rest = chunk;
        CHECK(web.post("/ctms", fmt::format(R"({{"email":{{"primary_email":"x{}@example.com"}}}})", i)).status == 201);
    }
    CHECK(taken > chunk.size());
    CHECK(taken < most);
    const auto fields = logged(web, "deaf");
    CHECK(fields.at("cut") == "timeout");
    CHECK(fields.at("bulk_refused").as_int64() > 1000); // it was read from before
    CHECK(client.ends_within(10s));
}

TEST_CASE("bulk lines: a client that sends no complete line in time is told so and disconnected") {
    web::limits bounds;
    bounds.body_time = 3s; // also for the first line, which must be in time
    web_fixture web({.limits = bounds});
    bulk_client client(web.port(), named(web, "slow"));
    REQUIRE(client.send(line(0)));
    REQUIRE(status(client.next().value()) == 201);
    const auto begun = std::chrono::steady_clock::now();
    while (!client.has_line(50ms) && client.send("x")) { // bytes are no progress; the server may close while some are sent
    }
    const auto last = client.next().value();
    CHECK(std::chrono::steady_clock::now() - begun < 30s);
    CHECK(status(last) == 408);
    CHECK_FALSE(last.contains("index"));
    CHECK_FALSE(client.next().has_value());
    CHECK(logged(web, "slow").at("cut") == "timeout");
    CHECK(stored(web) == 1);
}

TEST_CASE("bulk lines: a bulk that needs more memory than there is ends with a line that says so, and is counted") {
    web::limits bounds;
    bounds.memory_bytes = 1024 * 1024; // a quarter of it is for one address
    web_fixture web({.limits = bounds});
    {
        bulk_client client(web.port(), named(web, "large"));
        REQUIRE(client.send(line(0)));
        REQUIRE(status(client.next().value()) == 201);
        const auto until = std::chrono::steady_clock::now() + 30s;
        while (!client.has_line(1ms) && std::chrono::steady_clock::now() < until && client.send(std::string(50'000, 'x'))) {
        }
        const auto last = client.next().value();
        CHECK(status(last) == 503);
        CHECK_FALSE(last.contains("index"));
    }
    CHECK(logged(web, "large").at("cut") == "memory");
    CHECK(stored(web) == 1);
    http_answer metrics;
    int counted = 0; // while the connection has the memory, the metrics are refused too
    REQUIRE(becomes_true([&] {
        metrics = web.ask("GET", "/metrics");
        ++counted;
        return metrics.status == 200;
    }));
    CHECK(metrics.body.find(fmt::format("ctms_requests_rejected_total{{reason=\"memory\"}} {}\n", counted)) != std::string::npos);
}

TEST_CASE("bulk lines: items about the address of a contact are done in order with those of the contact") {
    web_fixture web;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < 3; ++i) {
        auto contact = line(i);
        contact.pop_back();
        ids.push_back(web.add_contact(contact));
    }
    bulk_client client(web.port(), {web.authorization()});
    const auto remove = [&](std::size_t i) { return fmt::format("{{\"op\":\"delete\",\"email_id\":\"{}\"}}\n", ids[i]); };
    REQUIRE(client.send(R"({"op":"create",)" + line(0).substr(1) + remove(0) + remove(1) +
                        fmt::format(R"({{"op":"patch","email_id":"{}",)", ids[2]) + line(1).substr(1)));
    REQUIRE(client.finish());
    const auto results = client.rest();
    REQUIRE(results.size() == 4);
    const std::vector<std::int64_t> wanted{409, 200, 200, 200};
    for (std::size_t i = 0; i < results.size(); ++i) CHECK(status(results[i]) == wanted[i]);
    CHECK(web.sql("select from emails where primary_email = 'p1@example.com'").size() == 1);
    CHECK(stored(web) == 1);
}

TEST_CASE("bulk lines: a server that stops does what has arrived, says so, and ends in time") {
    web_fixture web;
    bulk_client waiting(web.port(), named(web, "waiting"));
    REQUIRE(waiting.send(line(0)));
    REQUIRE(status(waiting.next().value()) == 201);
    bulk_client busy(web.port(), named(web, "busy"));
    held_writes held(web);
    REQUIRE(busy.send(line(1)));
    REQUIRE(held.hold(1));
    web.begin_stop();
    const auto told = waiting.next().value();
    CHECK(status(told) == 503);
    CHECK_FALSE(told.contains("index"));
    CHECK_FALSE(waiting.next().has_value());
    held.release();
    CHECK(status(busy.next().value()) == 201);
    CHECK(status(busy.next().value()) == 503);
    CHECK_FALSE(busy.next().has_value());
    CHECK(web.stopped_within(10s));
    CHECK(logged(web, "waiting").at("cut") == "stop");
    CHECK(web.sql("select from emails").size() == 2);
}

TEST_CASE("bulk lines: the token is checked again") {
    web_fixture web;
    bulk_client client(web.port(), {web.authorization()});
    REQUIRE(client.send(line(0)));
    REQUIRE(status(client.next().value()) == 201);
    {
        persistence::database db(web.database().options());
        REQUIRE(persistence::client_repository(db).set_enabled(web_fixture::client, false).has_value());
    }
    std::optional<bj::object> last;
    for (std::size_t i = 1; i < 200 && (!last || last->contains("index")); ++i) {
        if (!client.send(line(i))) break;
        last = client.next();
        REQUIRE(last.has_value());
        std::this_thread::sleep_for(50ms);
    }
    REQUIRE(last.has_value());
    CHECK(status(*last) == 400);
    CHECK(last->at("detail") == "API Client has been disabled");
    CHECK_FALSE(client.next().has_value());
}

TEST_CASE("bulk lines: chunks that break the rules end the response with a line that says so") {
    web_fixture web;
    bulk_client client(web.port(), {web.authorization()});
    REQUIRE(client.send(line(0)));
    REQUIRE(status(client.next().value()) == 201);
    REQUIRE(client.send_raw("xyz\r\n"));
    const auto last = client.next().value();
    CHECK(status(last) == 400);
    CHECK_FALSE(last.contains("index"));
    CHECK_FALSE(client.next().has_value());
    CHECK(stored(web) == 1);
}

TEST_CASE("bulk lines: a million tiny chunks are not too many") {
    web_fixture web;
    bulk_client client(web.port(), {web.authorization()});
    std::string blanks;
    for (int i = 0; i < 200'000; ++i) blanks += "1\r\n\n\r\n";
    for (int i = 0; i < 5; ++i) REQUIRE(client.send_raw(blanks));
    REQUIRE(client.send(line(0)));
    REQUIRE(client.finish());
    const auto results = client.rest();
    REQUIRE(results.size() == 1);
    CHECK(status(results[0]) == 201);
}

TEST_CASE("bulk lines: two clients that write the same contacts in opposite order do not fail") {
    web_fixture web;
    constexpr std::size_t contacts = 600;
    std::vector<std::string> forwards;
    for (std::size_t i = 0; i < contacts; ++i) forwards.push_back(line(i));
    auto backwards = forwards;
    std::reverse(backwards.begin(), backwards.end());
    bulk_client one(web.port(), {web.authorization()});
    bulk_client other(web.port(), {web.authorization()});
    REQUIRE(one.send(fmt::format("{}", fmt::join(forwards, ""))));
    REQUIRE(other.send(fmt::format("{}", fmt::join(backwards, ""))));
    REQUIRE(one.finish());
    REQUIRE(other.finish());
    std::size_t created = 0;
    for (auto* client : {&one, &other}) {
        const auto results = client->rest();
        CHECK(results.size() == contacts);
        for (const auto& result : results) {
            created += status(result) == 201 ? 1 : 0;
            if (status(result) != 200 && status(result) != 201) FAIL_CHECK(bj::serialize(result));
        }
    }
    CHECK(created == contacts);
    CHECK(stored(web) == contacts);
}

} // namespace ctms::test
