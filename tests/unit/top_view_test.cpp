// SPDX-License-Identifier: MPL-2.0
#include <top_view.hpp>

#include <ctms/base/utf8.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <string>

using namespace ctms::cli;
using namespace std::chrono_literals;

namespace {

/// The metrics of a server with this many answered reads and failed writes.
metrics_text server(int reads, int failed_writes) {
    const auto text = fmt::format(
        "process_start_time_seconds 1700000000\n"
        "ctms_requests_in_flight 3\n"
        "ctms_requests_total{{method=\"GET\",path_template=\"/ctms/{{email_id}}\",status_code=\"200\",status_code_family=\"2xx\"}} {0}\n"
        "ctms_requests_total{{method=\"POST\",path_template=\"/ctms\",status_code=\"500\",status_code_family=\"5xx\"}} {1}\n"
        "ctms_requests_total{{method=\"GET\",path_template=\"/metrics\",status_code=\"200\",status_code_family=\"2xx\"}} {0}\n"
        "ctms_requests_duration_seconds_bucket{{method=\"GET\",path_template=\"/ctms/{{email_id}}\",le=\"0.01\"}} {0}\n"
        "ctms_requests_duration_seconds_bucket{{method=\"GET\",path_template=\"/ctms/{{email_id}}\",le=\"+Inf\"}} {0}\n"
        "ctms_database_pool_connections{{state=\"in_use\"}} 2\nctms_database_pool_connections{{state=\"idle\"}} 4\n"
        "ctms_database_pool_waiting 1\n",
        reads, failed_writes);
    return metrics_text::parse(text).value();
}

snapshot at(int second, metrics_text web) {
    snapshot out;
    out.taken_at += std::chrono::seconds(second);
    out.time = ctms::timestamp(std::chrono::seconds(1700000060 + second));
    out.url = "http://127.0.0.1:8000";
    out.web.value = std::move(web);
    out.queue.value = queue_reading{};
    return out;
}

std::string text_of(const top_view& view, std::size_t columns = 80, std::size_t lines = 24) {
    std::string out;
    for (const auto& line : draw(view, columns, lines, "")) out += line + "\n";
    return out;
}

} // namespace

TEST_CASE("two readings give rates and latencies") {
    const auto view = compare(at(0, server(100, 10)), at(2, server(300, 20)));
    CHECK(view.rate.value() == doctest::Approx(105));
    CHECK(view.server_errors.value() == doctest::Approx(5));
    CHECK(view.client_errors.value() == doctest::Approx(0));
    CHECK(view.p50.value() == doctest::Approx(0.005));
    REQUIRE(view.routes.size() == 2);
    CHECK(view.routes[0].name == "GET /ctms/{email_id}");
    CHECK(view.routes[0].rate == doctest::Approx(100));
    CHECK(view.routes[1].errors == doctest::Approx(5));
    const auto text = text_of(view);
    CHECK(text.find("REQUESTS   105.0/s  in flight 3  4xx 0.0/s  5xx 5.0/s  rejected 0.0/s\n") != std::string::npos);
    CHECK(text.find("POOL       in use 2  idle 4  waiting 1") != std::string::npos);
    CHECK(text.find("SERVER     up for 0:01:02\n") != std::string::npos);
    // A restarted server counts from 0.
    CHECK(compare(at(0, server(300, 20)), at(2, server(20, 0))).rate.value() == doctest::Approx(10));
}

TEST_CASE("one reading has no rates, and a component that is down is shown as down") {
    const auto one = at(0, server(100, 10));
    CHECK_FALSE(compare(one, one).rate.has_value());
    auto down = at(2, {});
    down.web = {std::nullopt, "cannot connect: refused"};
    down.sync_url = "http://127.0.0.1:1";
    down.sync = {std::nullopt, "timed out"};
    down.queue = {std::nullopt, "away"};
    const auto text = text_of(compare(one, down));
    CHECK(text.find("SERVER     down: cannot connect: refused\n") != std::string::npos);
    CHECK(text.find("SYNC       down: timed out\n") != std::string::npos);
    CHECK(text.find("DATABASE   down: away\n") != std::string::npos);
    const auto json = boost::json::parse(to_json(compare(one, down)));
    CHECK_FALSE(json.at("server").at("up").as_bool());
    CHECK(json.at("server").at("requests_per_second").is_null());
    CHECK_FALSE(json.at("database").at("up").as_bool());
}

TEST_CASE("the state of the sync's circuit, its rate and the last errors are shown") {
    const auto sync = [](int done, int open) {
        return metrics_text::parse(fmt::format("ctms_background_acoustic_sync_total {}\nctms_sync_circuit_open {}\n"
                                               "ctms_background_acoustic_request_total{{status=\"failure\"}} {}\n",
                                               done, open, done / 10))
            .value();
    };
    auto before = at(0, server(1, 0));
    auto now = at(2, server(1, 0));
    before.sync_url = now.sync_url = "http://127.0.0.1:9000";
    before.sync.value = sync(0, 0);
    now.sync.value = sync(100, 1);
    now.queue.value->status.counts = {12, 3, 1, 75s};
    now.queue.value->parked = {{{}, false, 6, "refused\x1b[2J by\xFFthe vendor", {}}};
    const auto text = text_of(compare(before, now));
    CHECK(text.find("SYNC       up  circuit OPEN  contacts 50.0/s  failed calls 5.0/s\n") != std::string::npos);
    CHECK(text.find("QUEUE      backlog 12  due 0  claimed 0  age 0:01:15\nFAILED     retry backlog 3  parked 1\n") != std::string::npos);
    CHECK(text.find("1970-01-01T00:00:00+00:00  refused\\x1b[2J by\\xffthe vendor\n") != std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
    const auto json = boost::json::parse(to_json(compare(before, at(2, server(1, 0)))));
    CHECK(json.at("database").at("up").as_bool());
}

TEST_CASE("the screen fits any terminal") {
    auto now = at(2, server(300, 20));
    now.url = "http://a-long-name-of-a-server.example.com:8000/with/a/path/that/is/long";
    now.queue.value->parked.assign(10, {{}, false, 6, std::string(200, 'x') + "\xC3\xA9", {}});
    const auto view = compare(at(0, server(100, 10)), now);
    for (const std::size_t columns : {1U, 20U, 80U, 300U}) {
        for (const std::size_t lines : {1U, 2U, 5U, 10U, 24U, 100U}) {
            CAPTURE(columns);
            CAPTURE(lines);
            const auto drawn = draw(view, columns, lines, "q quits");
            CHECK(drawn.size() == lines);
            CHECK(drawn.back() == std::string("q quits").substr(0, columns));
            CHECK(std::all_of(drawn.begin(), drawn.end(), [&](const auto& line) { return ctms::utf8_length(line) <= columns; }));
        }
    }
    // A terminal of 80 by 24 has room for everything.
    const auto text = text_of(view);
    for (const std::string part : {"SERVER", "REQUESTS", "LATENCY", "POOL", "DATABASE", "QUEUE", "ROUTE", "POST /ctms", "LAST ERRORS"}) {
        CAPTURE(part);
        CHECK(text.find(part) != std::string::npos);
    }
}
