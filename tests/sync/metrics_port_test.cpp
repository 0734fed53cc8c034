// SPDX-License-Identifier: MPL-2.0
// The metrics port as its clients see it, including hostile ones: each attack ends only its own connection.
#include <support/http_client.hpp>

#include <doctest/doctest.h>
#include <sync/metrics_port.hpp>

#include <atomic>
#include <chrono>
#include <list>
#include <stdexcept>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// A port that serves one line, or throws while `fails` is set.
class port_fixture {
public:
    port_fixture()
        : port_(*ctms::sync_app::metrics_port::open(
              "127.0.0.1", 0,
              [this] {
                  if (fails) throw std::runtime_error("no metrics");
                  return std::string("a 1\n");
              },
              [this](std::string_view) { ++failures; })) {}

    [[nodiscard]] std::uint16_t number() const { return port_->port(); }
    [[nodiscard]] bool answers() const {
        const auto answer = ask(number(), "GET", "/metrics");
        return answer.status == 200 && answer.body == "a 1\n";
    }

    std::atomic<bool> fails{false};
    std::atomic<int> failures{0};

private:
    std::unique_ptr<ctms::sync_app::metrics_port> port_;
};

/// The status of the answer to these bytes; 0 if the connection ended without an answer.
int status_of(const port_fixture& port, const std::string& bytes) {
    http_connection connection(port.number());
    connection.send(bytes);
    try {
        const auto answer = connection.receive();
        CHECK_FALSE(answer.keep_alive);
        return answer.status;
    } catch (const std::exception&) {
        return 0;
    }
}

const std::string post_chunks = "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

} // namespace

TEST_CASE_FIXTURE(port_fixture, "metrics port: a trailer of more than 65,535 bytes ends only its own connection") {
    for (const auto& field : {"A: " + std::string(66'000, 'b'), std::string(66'000, 'a') + ": b"})
        CHECK(status_of(*this, post_chunks + "0\r\n" + field + "\r\n\r\n") == 431);
    CHECK(status_of(*this, post_chunks + "1\r\nx\r\n0\r\nA: b\r\n\r\n") == 405);
    CHECK(answers());
    CHECK(failures == 0);
}

TEST_CASE_FIXTURE(port_fixture, "metrics port: endless trailers and headers are not read") {
    for (const auto& begin : {post_chunks + "0\r\n", std::string("GET /metrics HTTP/1.1\r\nHost: a\r\n"), post_chunks + "1;a="}) {
        http_connection connection(number());
        REQUIRE(connection.send(begin));
        bool is_open = true;
        for (int i = 0; i < 10'000 && is_open; ++i) is_open = connection.send("A: " + std::string(1000, 'b') + "\r\n");
        CHECK_FALSE(is_open);
        CHECK(answers());
    }
}

TEST_CASE_FIXTURE(port_fixture, "metrics port: requests that violate HTTP are refused") {
    const std::string end = " HTTP/1.1\r\nHost: a\r\n\r\n";
    CHECK(status_of(*this, "GET /metrics" + end) == 200);
    CHECK(status_of(*this, "GET http://a/metrics?b" + end) == 200);
    CHECK(status_of(*this, "GET /metrics HTTP/1.0\r\n\r\n") == 200);
    CHECK(status_of(*this, "GET /" + end) == 404);
    CHECK(status_of(*this, "PUT /metrics" + end) == 405);
    CHECK(status_of(*this, "GET /metrics HTTP/1.1\r\n\r\n") == 400);
    CHECK(status_of(*this, "GET /metrics HTTP/2.0\r\n\r\n") == 505);
    CHECK(status_of(*this, "GET /" + std::string(20'000, 'a') + end) == 414);
    CHECK(status_of(*this, "GET /metrics HTTP/1.1\r\nHost: a\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n") == 431);
    CHECK(status_of(*this, "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n") == 413);
    CHECK(status_of(*this, "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400);
    CHECK(status_of(*this, "\x16\x03\x01\x02 this is TLS\r\n\r\n") == 400);
    CHECK(answers());
}

TEST_CASE_FIXTURE(port_fixture, "metrics port: HEAD returns the headers of GET") {
    http_connection connection(number());
    REQUIRE(connection.send(request_text("HEAD", "/metrics")));
    const auto head = connection.receive(true);
    CHECK(head.status == 200);
    CHECK(head.header("content-length") == "4");
    CHECK(head.has_header("date"));
    CHECK(connection.ends_within(5s));
}

TEST_CASE_FIXTURE(port_fixture, "metrics port: an exception ends one connection and is reported") {
    fails = true;
    CHECK(status_of(*this, request_text("GET", "/metrics")) == 0);
    CHECK(failures == 1);
    fails = false;
    CHECK(answers());
}

TEST_CASE_FIXTURE(port_fixture, "metrics port: silent and slow clients do not block others and are disconnected") {
    std::list<http_connection> silent;
    for (int i = 0; i < 200; ++i) {
        silent.emplace_back(number());
        if (i % 2 == 0) (void)silent.back().send("GET /metr");
    }
    const auto begin = std::chrono::steady_clock::now();
    CHECK(answers());
    CHECK(std::chrono::steady_clock::now() - begin < 3s);
    for (auto& one : silent) CHECK(one.has_input(15s)); // an answer, or the end of the connection
    CHECK(std::chrono::steady_clock::now() - begin < 30s);
}

TEST_CASE_FIXTURE(port_fixture, "metrics port: a slow request times out even though bytes keep arriving") {
    http_connection slow(number());
    REQUIRE(slow.send("GET /metrics HTTP/1.1\r\nA: "));
    const auto begin = std::chrono::steady_clock::now();
    while (!slow.has_input(100ms) && std::chrono::steady_clock::now() - begin < 20s) (void)slow.send("b");
    CHECK(slow.receive().status == 408);
    CHECK(std::chrono::steady_clock::now() - begin < 15s);
}
