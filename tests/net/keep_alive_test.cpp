// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/http_client.hpp>

#include "support/raw_server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <vector>

using namespace ctms;
using namespace ctms::net;
using ctms::test::answer_text;
using ctms::test::make_certificate;
using ctms::test::raw_connection;
using ctms::test::raw_server;
using ctms::test::temporary_file;

namespace {

void answer_all(raw_connection& peer) {
    while (!peer.read_request().empty()) peer.send(answer_text("answer of " + std::to_string(peer.number())));
}

const http_request post{.method = "POST", .body = "x"};

} // namespace

TEST_CASE("a connection is reused") {
    raw_server server(answer_all);
    http_client client(server.url());
    for (int i = 0; i < 5; ++i) CHECK(client.send({})->body == "answer of 0");
    CHECK(server.accepted() == 1);
}

TEST_CASE("a TLS connection is reused") {
    const auto pair = make_certificate({"127.0.0.1"});
    const temporary_file trusted(pair.cert_pem);
    raw_server server(answer_all, pair);
    http_client client(server.url(), {.ca_file = trusted.path()});
    for (int i = 0; i < 5; ++i) CHECK(client.send(post)->body == "answer of 0");
    CHECK(server.accepted() == 1);
}

TEST_CASE("a connection that the server wants to close is not reused") {
    for (const auto* headers : {"Connection: close\r\n", "Connection: Keep-Alive, close\r\n"}) {
        raw_server server([headers](raw_connection& peer) {
            while (!peer.read_request().empty()) peer.send(answer_text("", headers));
        });
        http_client client(server.url());
        CHECK(client.send({}).has_value());
        CHECK(client.send({}).has_value());
        CHECK(server.accepted() == 2);
    }
}

TEST_CASE("a connection that was closed meanwhile is detected") {
    raw_server server([](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send(answer_text("answer of " + std::to_string(peer.number())));
    });
    http_client client(server.url());
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(client.send(post)->body == "answer of " + std::to_string(i));
        REQUIRE(server.wait_closed(i + 1));
    }
}

TEST_CASE("a request is repeated once when a reused connection ends before the answer") {
    std::atomic<int> requests{0};
    raw_server server([&](raw_connection& peer) {
        while (!peer.read_request().empty()) {
            // The second request is read but never answered.
            if (++requests == 2) return;
            peer.send(answer_text("answer of " + std::to_string(peer.number())));
        }
    });
    http_client client(server.url());
    CHECK(client.send(post)->body == "answer of 0");
    CHECK(client.send(post)->body == "answer of 1");
    CHECK(requests == 3);
}

TEST_CASE("a request is repeated only once, and only after a reused connection") {
    std::atomic<int> requests{0};
    raw_server server([&](raw_connection& peer) {
        while (!peer.read_request().empty()) {
            if (++requests > 1) return;
            peer.send(answer_text(""));
        }
    });
    http_client client(server.url());
    CHECK(client.send(post).has_value());
    CHECK(client.send(post).error().detail == "the connection was cut off");
    CHECK(requests == 3);
    CHECK(server.accepted() == 2);
    CHECK(client.send(post).error().detail == "the connection was cut off");
    CHECK(requests == 4);
}

TEST_CASE("a request is not repeated after the first byte of an answer") {
    std::atomic<int> requests{0};
    raw_server server([&](raw_connection& peer) {
        while (!peer.read_request().empty()) {
            if (++requests == 2) return peer.send("H");
            peer.send(answer_text(""));
        }
    });
    http_client client(server.url());
    CHECK(client.send(post).has_value());
    CHECK(client.send(post).error().detail == "the connection was cut off");
    CHECK(requests == 2);
    CHECK(server.accepted() == 1);
}

TEST_CASE("a request is repeated when a TLS connection was ended only by close_notify") {
    const auto pair = make_certificate({"127.0.0.1"});
    const temporary_file trusted(pair.cert_pem);
    raw_server server(
        [](raw_connection& peer) {
            static_cast<void>(peer.read_request());
            peer.send(answer_text("answer of " + std::to_string(peer.number())));
            peer.notify_close();
        },
        pair);
    http_client client(server.url(), {.ca_file = trusted.path()});
    CHECK(client.send(post)->body == "answer of 0");
    CHECK(client.send(post)->body == "answer of 1");
}

TEST_CASE("a connection with unexpected bytes is not reused") {
    raw_server server([](raw_connection& peer) {
        while (!peer.read_request().empty()) peer.send(answer_text("right") + answer_text("wrong"));
    });
    http_client client(server.url());
    CHECK(client.send({})->body == "right");
    CHECK(client.send({})->body == "right");
}

TEST_CASE("a connection is not reused after the idle limit") {
    raw_server server(answer_all);
    http_client client(server.url(), {.idle = std::chrono::milliseconds(0)});
    CHECK(client.send({})->body == "answer of 0");
    CHECK(client.send({})->body == "answer of 1");
}

TEST_CASE("ten concurrent threads use ten connections, and at most the limit are kept") {
    constexpr std::size_t count = 10;
    std::latch together(count);
    raw_server server([&](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        // No request is answered before all have arrived, so there must be ten connections.
        together.count_down();
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(4);
        while (!together.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
        peer.send(answer_text(together.try_wait() ? "all" : "alone"));
        answer_all(peer);
    });
    http_client client(server.url(), {.most_idle = 3});
    std::atomic<std::size_t> good{0};
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < count; ++i) {
            threads.emplace_back([&] {
                const auto answer = client.send(post);
                if (answer && answer->body == "all") ++good;
            });
        }
    }
    CHECK(good == count);
    CHECK(server.accepted() == count);
    CHECK(server.wait_closed(count - 3));
    CHECK(client.send(post).has_value());
    CHECK(server.accepted() == count);
}

TEST_CASE("the destructor closes kept connections") {
    raw_server server(answer_all);
    {
        http_client client(server.url());
        CHECK(client.send({}).has_value());
    }
    CHECK(server.wait_closed(1));
}
