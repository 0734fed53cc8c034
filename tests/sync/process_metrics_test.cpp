// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync: its metrics, on its own port and at a real push gateway.
#include <support/becomes_true.hpp>
#include <support/http_client.hpp>
#include <support/sync_scene.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto cycle_message = "sync_service cycle complete";
constexpr auto shared = R"(app_kubernetes_io_component="background",app_kubernetes_io_instance="ctms",app_kubernetes_io_name="ctms")";

std::uint16_t metrics_port_of(child_process& program) {
    constexpr auto listening = "Listening for metrics requests";
    REQUIRE(program.logs(listening));
    return program.fields_of(listening).front().at("port").to_number<std::uint16_t>();
}

/// The value of a series; "" if it is missing.
std::string series(const std::string& text, const std::string& name, const std::string& labels = {}) {
    const auto wanted = fmt::format("\n{}{{{}{}{}}} ", name, shared, labels.empty() ? "" : ",", labels);
    const auto at = text.find(wanted);
    if (at == std::string::npos) return "";
    const auto begin = at + wanted.size();
    return text.substr(begin, text.find('\n', begin) - begin);
}

/// A port that was free a moment ago.
std::uint16_t free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* address = reinterpret_cast<sockaddr*>(&where); // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast): required by the API
    const bool bound = ::bind(socket, address, size) == 0 && ::getsockname(socket, address, &size) == 0;
    ::close(socket);
    if (!bound) throw std::runtime_error("no free port");
    return ntohs(where.sin_port);
}

/// prometheus-pushgateway on a loopback port.
class gateway {
public:
    gateway() {
        for (int attempt = 0; attempt < 5 && !answers(); ++attempt) {
            port_ = free_port();
            program_ = std::make_unique<child_process>("prometheus-pushgateway", environment{},
                                                       std::vector<std::string>{"--web.listen-address=127.0.0.1:" + std::to_string(port_)});
            (void)becomes_true([&] { return answers() || program_->wait(0ms) != -1; });
        }
        if (!answers()) throw std::runtime_error("prometheus-pushgateway does not start: " + program_->log());
    }

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::string metrics() const { return ask(port_, "GET", "/metrics").body; }
    [[nodiscard]] std::string log() const { return program_->log(); }

private:
    [[nodiscard]] bool answers() const {
        try {
            return port_ != 0 && ask(port_, "GET", "/-/ready").status == 200;
        } catch (const std::exception&) {
            return false;
        }
    }

    std::uint16_t port_ = 0;
    std::unique_ptr<child_process> program_;
};

} // namespace

TEST_CASE_FIXTURE(sync_scene, "sync process: all metrics of the deployment guide exist and start at 0") {
    child_process program(CTMS_SYNC, variables({{"CTMS_BACKGROUND_METRICS_PORT", "0"}, {"CTMS_ACOUSTIC_LOOP_MIN_SECS", "60"}}));
    const auto port = metrics_port_of(program);
    REQUIRE(program.logs(cycle_message));
    const auto answer = ask(port, "GET", "/metrics");
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
    const auto text = "\n" + answer.body;
    const std::vector<std::pair<std::string, std::string>> targets{{"add_recipient", "main"},
                                                                   {"remove_recipient", "main"},
                                                                   {"insert_update_relational_table", "newsletter"},
                                                                   {"insert_update_relational_table", "product"},
                                                                   {"delete_relational_table_data", "newsletter"},
                                                                   {"delete_relational_table_data", "product"}};
    for (const auto& [method, table] : targets) {
        for (const auto* status : {"success", "failure"}) {
            const auto labels = fmt::format(R"(method="{}",status="{}",table="{}")", method, status, table);
            CAPTURE(labels);
            CHECK(series(text, "ctms_background_acoustic_request_total", labels) == "0");
            CHECK(series(text, "ctms_background_acoustic_requests_duration_count", labels) == "0");
            CHECK(series(text, "ctms_background_acoustic_requests_duration_sum", labels) == "0");
            for (const auto* bound : {"0.01", "0.05", "0.1", "0.5", "1.0", "5.0", "10.0", "+Inf"})
                CHECK(series(text, "ctms_background_acoustic_requests_duration_bucket", labels + ",le=\"" + bound + "\"") == "0");
        }
    }
    CHECK(text.find("le=\"1\"") == std::string::npos);
    for (const auto* name : {"sync_total", "sync_retries", "sync_backlog", "sync_age_s"})
        CHECK(series(text, std::string("ctms_background_acoustic_") + name) == "0");
    CHECK(series(text, "ctms_background_acoustic_sync_loops") == "1");
    CHECK(series(text, "ctms_background_acoustic_sync_loops_total") == "1");
    CHECK(!series(text, "ctms_background_acoustic_sync_loop_duration_seconds").empty());
    CHECK(!series(text, "process_resident_memory_bytes").empty());
    CHECK(text.find("# TYPE ctms_background_acoustic_request_total counter\n") != std::string::npos);
    CHECK(text.find("# TYPE ctms_background_acoustic_requests_duration histogram\n") != std::string::npos);
    CHECK(text.find("# TYPE ctms_background_acoustic_sync_age_s gauge\n") != std::string::npos);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: the metrics count calls and contacts") {
    add_contacts(1, 4);
    add_product(3);
    fake_fault invalid;
    invalid.number = 121;
    invalid.holds = numbered_id(4);
    vendor.add_fault(invalid);
    child_process program(CTMS_SYNC, variables({{"CTMS_BACKGROUND_METRICS_PORT", "0"}}));
    const auto port = metrics_port_of(program);
    REQUIRE(program.logs(cycle_message));
    const auto read = [&] { return "\n" + ask(port, "GET", "/metrics?some=query").body; };
    REQUIRE(becomes_true([&] { return series(read(), "ctms_background_acoustic_sync_total") == "3"; }));
    const auto text = read();
    const auto calls = [&](const char* method, const char* status, const char* table) {
        return series(text, "ctms_background_acoustic_request_total",
                      fmt::format(R"(method="{}",status="{}",table="{}")", method, status, table));
    };
    CHECK(calls("add_recipient", "success", "main") == "3");
    CHECK(calls("add_recipient", "failure", "main") == "1");
    CHECK(calls("insert_update_relational_table", "success", "newsletter") == "1");
    CHECK(calls("insert_update_relational_table", "success", "product") == "1");
    CHECK(series(text, "ctms_background_acoustic_sync_age_s") != "0");
}

TEST_CASE_FIXTURE(sync_scene, "sync process: the metrics port answers other requests with 404 and 405") {
    child_process program(CTMS_SYNC, variables({{"CTMS_BACKGROUND_METRICS_PORT", "0"}}));
    const auto port = metrics_port_of(program);
    CHECK(ask(port, "GET", "/").status == 404);
    CHECK(ask(port, "GET", "/metricsx").status == 404);
    const auto refused = ask(port, "POST", "/metrics", {}, "a body");
    CHECK(refused.status == 405);
    CHECK(refused.header("allow") == "GET, HEAD");
    CHECK(ask(port, "DELETE", "/metrics").status == 405);
    http_connection head(port);
    REQUIRE(head.send(request_text("HEAD", "/metrics")));
    CHECK(head.receive(true).status == 200);
    http_connection silent(port); // does not block other clients
    CHECK(ask(port, "GET", "/metrics").status == 200);
    CHECK_FALSE(silent.has_input(0ms)); // the answer arrived while this connection was still open
    child_process second(CTMS_SYNC, variables({{"CTMS_BACKGROUND_METRICS_PORT", std::to_string(port)}}));
    CHECK(second.wait() == 69);
    CHECK(second.log().find(fmt::format("Cannot listen on 127.0.0.1:{}", port)) != std::string::npos);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: a real push gateway accepts the metrics after each cycle") {
    const gateway gateway;
    add_contacts(1, 3);
    child_process program(CTMS_SYNC, variables({{"CTMS_PROMETHEUS_PUSHGATEWAY_URL", gateway.url()}}), {"--once"});
    CHECK(program.wait() == 0);
    CHECK(program.fields_of("The metrics could not be pushed").empty());
    const auto text = gateway.metrics();
    CAPTURE(gateway.log());
    const auto pushed = [&](const std::string& name, const std::string& labels = {}) {
        const auto wanted =
            fmt::format("\n{}{{{},instance=\"\",job=\"prometheus-pushgateway\"{}{}}} ", name, shared, labels.empty() ? "" : ",", labels);
        const auto at = text.find(wanted);
        return at == std::string::npos ? "" : text.substr(at + wanted.size(), text.find('\n', at + 1) - at - wanted.size());
    };
    CHECK(pushed("ctms_background_acoustic_sync_total") == "3");
    CHECK(pushed("ctms_background_acoustic_sync_loops") == "2");
    CHECK(pushed("ctms_background_acoustic_sync_loops_total") == "2");
    CHECK(pushed("ctms_background_acoustic_request_total", R"(method="add_recipient",status="success",table="main")") == "3");
    CHECK(pushed("ctms_background_acoustic_sync_backlog") == "0");
}

TEST_CASE_FIXTURE(sync_scene, "sync process: a push gateway that is down is logged and the sync continues") {
    add_contacts(1, 3);
    child_process program(CTMS_SYNC, variables({{"CTMS_PROMETHEUS_PUSHGATEWAY_URL", fmt::format("http://127.0.0.1:{}", free_port())}}),
                          {"--once"});
    CHECK(program.wait() == 0);
    CHECK_FALSE(program.fields_of("The metrics could not be pushed").empty());
    CHECK(queued() == 0);
}
