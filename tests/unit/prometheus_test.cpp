// SPDX-License-Identifier: MPL-2.0
#include <doctest/doctest.h>

#include <support/prometheus_metrics.hpp>

#include <sstream>
#include <string>
#include <thread>
#include <vector>

using ctms::support::prometheus_metrics;

namespace {

std::vector<std::string> lines_of(const prometheus_metrics& metrics) {
    std::istringstream text(metrics.expose({}));
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);) out.push_back(line);
    return out;
}

bool has_line(const prometheus_metrics& metrics, const std::string& wanted) {
    for (const auto& line : lines_of(metrics)) {
        if (line == wanted) return true;
    }
    return false;
}

int count_lines(const prometheus_metrics& metrics, const std::string& start) {
    int count = 0;
    for (const auto& line : lines_of(metrics)) count += line.starts_with(start) ? 1 : 0;
    return count;
}

} // namespace

TEST_CASE("the library's metrics exist from the start") {
    prometheus_metrics metrics;
    CHECK(has_line(metrics, "ctms_pending_acoustic_sync_total 0"));
    CHECK(has_line(metrics, "ctms_legacy_waitlists_requests_total 0"));
    metrics.sync_scheduled(1);
    metrics.sync_scheduled(1);
    metrics.legacy_waitlists_used();
    CHECK(has_line(metrics, "ctms_pending_acoustic_sync_total 2"));
    CHECK(has_line(metrics, "ctms_legacy_waitlists_requests_total 1"));
}

TEST_CASE("failures and refusals are counted by kind") {
    prometheus_metrics metrics;
    CHECK(has_line(metrics, R"(ctms_database_errors_total{kind="timeout"} 0)"));
    for (const std::string reason : {"connections", "address", "memory", "busy", "timeout", "header_too_large", "body_too_large",
                                     "malformed", "unsupported", "tls", "internal"})
        CHECK(has_line(metrics, "ctms_requests_rejected_total{reason=\"" + reason + "\"} 0"));
    metrics.database_error("timeout");
    metrics.database_error("timeout");
    metrics.database_error("connection");
    metrics.request_rejected("busy");
    CHECK(has_line(metrics, R"(ctms_database_errors_total{kind="timeout"} 2)"));
    CHECK(has_line(metrics, R"(ctms_database_errors_total{kind="connection"} 1)"));
    CHECK(has_line(metrics, R"(ctms_requests_rejected_total{reason="busy"} 1)"));
}

TEST_CASE("connections to the database are either in use or idle") {
    ctms::support::runtime_sample now;
    now.pool_open = 7;
    now.pool_in_use = 5;
    now.pool_waiting = 3;
    const auto text = prometheus_metrics().expose(now);
    CHECK(text.find("\nctms_database_pool_connections{state=\"idle\"} 2\n") != std::string::npos);
    CHECK(text.find("\nctms_database_pool_connections{state=\"in_use\"} 5\n") != std::string::npos);
    CHECK(text.find("\nctms_database_pool_waiting 3\n") != std::string::npos);
}

TEST_CASE("only what holds back the end of updates at present has a value") {
    prometheus_metrics metrics;
    for (const auto holder : ctms::metrics::updates_end_holders)
        CHECK(has_line(metrics, "ctms_updates_end_behind_seconds{held_by=\"" + std::string(holder) + "\"} 0"));
    metrics.updates_end("writer", 2.5);
    CHECK(has_line(metrics, R"(ctms_updates_end_behind_seconds{held_by="writer"} 2.5)"));
    metrics.updates_end("none", 0.25);
    CHECK(has_line(metrics, R"(ctms_updates_end_behind_seconds{held_by="writer"} 0)"));
    CHECK(has_line(metrics, R"(ctms_updates_end_behind_seconds{held_by="none"} 0.25)"));
}

TEST_CASE("requests are counted with the labels that the dashboards use") {
    prometheus_metrics metrics;
    metrics.request_answered({"GET", "/ctms/{email_id}", 200, 0.02, "id_x"});
    metrics.request_answered({"GET", "/ctms/{email_id}", 404, 0.02, "id_x"});
    metrics.request_answered({"GET", "/ctms/{email_id}", 422, 0.02, ""});
    const std::string route = R"(method="GET",path_template="/ctms/{email_id}")";
    CHECK(has_line(metrics, "ctms_requests_total{" + route + R"(,status_code="200",status_code_family="2xx"} 1)"));
    CHECK(has_line(metrics, "ctms_requests_total{" + route + R"(,status_code="404",status_code_family="4xx"} 1)"));
    CHECK(has_line(metrics, "ctms_requests_total{" + route + R"(,status_code="422",status_code_family="4xx"} 1)"));
    CHECK(has_line(metrics, R"(ctms_api_requests_total{client_id="id_x",)" + route + R"(,status_code_family="2xx"} 1)"));
    CHECK(has_line(metrics, R"(ctms_api_requests_total{client_id="id_x",)" + route + R"(,status_code_family="4xx"} 1)"));
    CHECK(count_lines(metrics, "ctms_api_requests_total{") == 2);
}

TEST_CASE("the buckets of durations are written in the form that the dashboards expect") {
    prometheus_metrics metrics;
    metrics.request_answered({"GET", "/a", 200, 0.06, ""});
    metrics.request_answered({"GET", "/a", 200, 7, ""});
    const auto bucket = [](const std::string& le, int count) {
        return R"(ctms_requests_duration_seconds_bucket{method="GET",path_template="/a",status_code_family="2xx",le=")" + le + "\"} " +
               std::to_string(count);
    };
    CHECK(has_line(metrics, bucket("0.01", 0)));
    CHECK(has_line(metrics, bucket("0.05", 0)));
    CHECK(has_line(metrics, bucket("0.1", 1)));
    CHECK(has_line(metrics, bucket("0.5", 1)));
    CHECK(has_line(metrics, bucket("1.0", 1)));
    CHECK(has_line(metrics, bucket("5.0", 1)));
    CHECK(has_line(metrics, bucket("10.0", 2)));
    CHECK(has_line(metrics, bucket("+Inf", 2)));
    CHECK(count_lines(metrics, "ctms_requests_duration_seconds_bucket{") == 8);
    CHECK(has_line(metrics, R"(ctms_requests_duration_seconds_count{method="GET",path_template="/a",status_code_family="2xx"} 2)"));
    CHECK(has_line(metrics, R"(ctms_requests_duration_seconds_sum{method="GET",path_template="/a",status_code_family="2xx"} 7.06)"));
}

TEST_CASE("only the bound of a bucket is written with a decimal point") {
    prometheus_metrics metrics;
    metrics.request_answered({"GET", "/x", 200, 0.001, R"(id_le="1")"});
    CHECK(count_lines(metrics, R"(ctms_api_requests_total{client_id="id_le=\"1\"",)") == 1);
}

TEST_CASE("each metric family has HELP and TYPE exactly once") {
    prometheus_metrics metrics;
    metrics.request_answered({"GET", "/a", 200, 0.1, "id_x"});
    metrics.request_answered({"POST", "/a", 201, 0.1, "id_x"});
    const std::pair<std::string, std::string> families[] = {{"ctms_requests_total", "counter"},
                                                            {"ctms_requests_duration_seconds", "histogram"},
                                                            {"ctms_api_requests_total", "counter"},
                                                            {"ctms_pending_acoustic_sync_total", "counter"},
                                                            {"ctms_legacy_waitlists_requests_total", "counter"}};
    for (const auto& [name, type] : families) {
        const std::string family(name);
        CAPTURE(family);
        CHECK(count_lines(metrics, "# HELP " + name + " ") == 1);
        CHECK(has_line(metrics, "# TYPE " + name + " " + type));
    }
}

TEST_CASE("many threads can count at the same time") {
    prometheus_metrics metrics;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&metrics] {
                for (int n = 0; n < 500; ++n) {
                    metrics.request_answered({"GET", "/a", 200, 0.1, "id_x"});
                    metrics.sync_scheduled(1);
                    if (n % 100 == 0) CHECK_FALSE(metrics.expose({}).empty());
                }
            });
        }
    }
    CHECK(has_line(metrics, R"(ctms_requests_total{method="GET",path_template="/a",status_code="200",status_code_family="2xx"} 2000)"));
    CHECK(has_line(metrics, "ctms_pending_acoustic_sync_total 2000"));
}

TEST_CASE("all that asked before a text of the metrics was begun share it, and later ones get a new one") {
    ctms::support::prometheus_metrics metrics;
    int measured = 0;
    const auto measure = [&] {
        ++measured;
        return ctms::support::runtime_sample{};
    };
    const auto before = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
    const auto first = metrics.expose_since(before, measure);
    metrics.request_rejected("busy");
    CHECK(metrics.expose_since(before, measure) == first);
    CHECK(measured == 1);
    const auto second = metrics.expose_since(std::chrono::steady_clock::now(), measure);
    CHECK(measured == 2);
    CHECK(first->find("ctms_requests_rejected_total{reason=\"busy\"} 0") != std::string::npos);
    CHECK(second->find("ctms_requests_rejected_total{reason=\"busy\"} 1") != std::string::npos);
    CHECK_THROWS_AS(
        (void)metrics.expose_since(std::chrono::steady_clock::now(), [&]() -> ctms::support::runtime_sample { throw std::bad_alloc(); }),
        std::bad_alloc);
    CHECK_FALSE(metrics.expose_since(before, measure)->empty());
}
