// SPDX-License-Identifier: MPL-2.0
// Reports to a server that behaves like Sentry, its failures included.
#include <support/sentry.hpp>

#include "support/becomes_true.hpp"
#include "support/fake_sentry.hpp"
#include "support/raw_server.hpp"

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
using ctms::config::parse_sentry_dsn;
using ctms::support::sentry;
using ctms::support::sentry_limits;
using ctms::test::answer_text;
using ctms::test::fake_sentry;
using ctms::test::raw_connection;
using ctms::test::raw_server;

namespace {

/// What was reported as failures.
class reasons {
public:
    [[nodiscard]] std::function<void(std::string_view)> collector() {
        return [this](std::string_view reason) {
            const std::lock_guard lock(mutex_);
            all_.emplace_back(reason);
        };
    }
    [[nodiscard]] std::vector<std::string> all() {
        const std::lock_guard lock(mutex_);
        return all_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> all_;
};

void report(sentry& to, std::string_view message) {
    to.report({std::chrono::system_clock::now(), mozlog::severity::error, "ctms.test", {}, message});
}

constexpr sentry_limits quick{.first_wait = 10ms, .longest_wait = 50ms};

} // namespace

TEST_CASE("Sentry: an event is sent to the envelope endpoint of the project with the public key") {
    const fake_sentry server;
    reasons failures;
    sentry reports(parse_sentry_dsn(server.dsn()).value(), {.program = "ctms-test"}, failures.collector());
    report(reports, "It failed");
    reports.stop();
    REQUIRE(server.requests().size() == 1);
    const auto request = server.requests().at(0);
    CHECK(request.starts_with("POST /api/42/envelope/ HTTP/1.1\r\n"));
    CHECK(request.find("X-Sentry-Auth: Sentry sentry_version=7, sentry_client=ctms/") != std::string::npos);
    CHECK(request.find("sentry_key=key1\r\n") != std::string::npos);
    CHECK(request.find("Content-Type: application/x-sentry-envelope\r\n") != std::string::npos);
    CHECK(server.message(0) == "It failed");
    CHECK(failures.all().empty());
}

TEST_CASE("Sentry: an event is sent again after a failure of the server, and the failure is told once") {
    const fake_sentry server([](std::size_t number) { return answer_text("", {}, number < 3 ? "503 Service Unavailable" : "200 OK"); });
    reasons failures;
    sentry reports(parse_sentry_dsn(server.dsn()).value(), {}, failures.collector(), quick);
    report(reports, "first");
    report(reports, "second");
    REQUIRE(server.reach(5));
    reports.stop();
    CHECK(server.requests().size() == 5);
    CHECK(server.message(3) == "first");
    CHECK(server.message(4) == "second");
    CHECK(failures.all() == std::vector<std::string>{"it answered 503"});
}

TEST_CASE("Sentry: an event with which the server always fails does not hold up the others for ever") {
    const fake_sentry server([](std::size_t number) { return answer_text("", {}, number < 5 ? "500 Internal Server Error" : "200 OK"); });
    sentry reports(
        parse_sentry_dsn(server.dsn()).value(), {}, [](std::string_view) {}, quick);
    report(reports, "hopeless");
    report(reports, "taken");
    REQUIRE(server.reach(6));
    reports.stop();
    CHECK(server.requests().size() == 6);
    CHECK(server.message(4) == "hopeless");
    CHECK(server.message(5) == "taken");
}

TEST_CASE("Sentry: an event that the server refuses is not sent again") {
    const fake_sentry server([](std::size_t number) { return answer_text("", {}, number == 0 ? "403 Forbidden" : "200 OK"); });
    reasons failures;
    sentry reports(parse_sentry_dsn(server.dsn()).value(), {}, failures.collector(), quick);
    report(reports, "refused");
    report(reports, "taken");
    REQUIRE(server.reach(2));
    CHECK(server.message(1) == "taken");
    reports.stop();
    CHECK(failures.all() == std::vector<std::string>{"it answered 403"});
}

TEST_CASE("Sentry: nothing is sent while the server asks for a pause") {
    const auto pauses = [](bool expected, std::string headers, std::string status) {
        const fake_sentry server([&](std::size_t) { return answer_text("", headers, status); });
        sentry reports(
            parse_sentry_dsn(server.dsn()).value(), {}, [](std::string_view) {}, quick);
        report(reports, "first");
        REQUIRE(server.reach(1));
        report(reports, "second");
        const bool sent = test::becomes_true([&] { return server.requests().size() > 1; }, expected ? 300ms : 60s);
        reports.stop(); // ends the pause, but not because the server allows it
        CHECK(sent == (server.requests().size() > 1));
        return !sent;
    };
    CHECK(pauses(true, "", "429 Too Many Requests"));
    CHECK(pauses(true, "Retry-After: 100\r\n", "429 Too Many Requests"));
    CHECK(pauses(true, "X-Sentry-Rate-Limits: 5:transaction:key, 100:error;default:organization\r\n", "200 OK"));
    CHECK(pauses(true, "X-Sentry-Rate-Limits: 100::organization\r\n", "200 OK"));
    CHECK_FALSE(pauses(false, "X-Sentry-Rate-Limits: 100:transaction:organization\r\n", "200 OK"));
    CHECK_FALSE(pauses(false, "X-Sentry-Rate-Limits: nonsense, :::, ,\r\n", "200 OK"));
}

TEST_CASE("Sentry: a flood is bounded, and the next event says how many were left out") {
    const fake_sentry server;
    sentry reports(parse_sentry_dsn(server.dsn()).value(), {}, [](std::string_view) {}, {.waiting = 100, .per_minute = 5});
    for (int i = 0; i < 1000; ++i) report(reports, "flood");
    reports.stop();
    CHECK(server.requests().size() == 5);

    bool is_held = true;
    std::mutex held;
    std::unique_lock hold(held);
    const fake_sentry slow([&](std::size_t) {
        if (std::exchange(is_held, false)) const std::lock_guard wait(held);
        return answer_text("");
    });
    sentry behind(parse_sentry_dsn(slow.dsn()).value(), {}, [](std::string_view) {}, {.waiting = 3, .per_minute = 100});
    report(behind, "held");
    REQUIRE(slow.reach(1));
    for (int i = 0; i < 10; ++i) report(behind, "flood"); // two fit
    hold.unlock();
    REQUIRE(slow.reach(3));
    REQUIRE(test::becomes_true([&] {
        report(behind, "after");
        return slow.reach(4);
    }));
    behind.stop();
    CHECK(slow.event(3).at("extra").at("events_left_out").to_number<int>() >= 8);
}

TEST_CASE("Sentry: stopping waits for a server that is away only briefly, and later events are left out") {
    std::string url;
    {
        const raw_server closed([](raw_connection&) {});
        url = closed.url();
    }
    reasons failures;
    sentry reports({url, "key1", "42"}, {}, failures.collector(), quick);
    for (int i = 0; i < 20; ++i) report(reports, "lost");
    const auto begin = std::chrono::steady_clock::now();
    reports.stop();
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
    CHECK(failures.all().size() == 1);
    report(reports, "too late");
    reports.stop();
}
