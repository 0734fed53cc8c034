// SPDX-License-Identifier: MPL-2.0
// A server that tries to crash, overload or block its client: each call fails on its own, and the next one works.
#include <ctms/net/http_client.hpp>

#include "expect_timeout.hpp"
#include "support/allocation_limit.hpp"
#include "support/raw_server.hpp"

#include <ctms/auth/google_id_token.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

using namespace ctms;
using namespace ctms::net;
using namespace std::chrono_literals;
using ctms::test::allocation_limit;
using ctms::test::answer_text;
using ctms::test::certificate;
using ctms::test::expect_timeout;
using ctms::test::make_certificate;
using ctms::test::raw_connection;
using ctms::test::raw_server;
using ctms::test::temporary_file;

namespace {

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A server that answers its first connection with `attack` and all others properly.
raw_server::script attack_once(std::function<void(raw_connection&)> attack) {
    return [attack = std::move(attack)](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        if (peer.number() == 0) return attack(peer);
        peer.send(answer_text("good", "Connection: close\r\n"));
    };
}

/// Returns the failure of the first call, and checks that the second one succeeds.
std::string failure_of_first(http_client& client) {
    const auto first = client.send({});
    REQUIRE(!first);
    CHECK(first.error().code == errc::unavailable);
    const auto second = client.send({});
    REQUIRE(second.has_value());
    CHECK(second->body == "good");
    return first.error().detail;
}

std::string failure_after(const std::string& answer, const std::optional<certificate>& tls = {}) {
    raw_server server(attack_once([&](raw_connection& peer) { peer.send(answer); }), tls);
    const temporary_file trusted(tls ? tls->cert_pem : "");
    http_client client(server.url(), {.ca_file = tls ? trusted.path() : ""});
    return failure_of_first(client);
}

/// Sends `piece` over and over until the client is gone, and counts the bytes.
auto endlessly(std::string begin, std::string piece, std::atomic<std::size_t>& sent) {
    return [begin = std::move(begin), piece = std::move(piece), &sent](raw_connection& peer) {
        peer.send(begin);
        constexpr std::size_t enough = 64 << 20;
        while (sent < enough) {
            peer.send(piece);
            sent += piece.size();
        }
    };
}

} // namespace

TEST_CASE("a trailer field of more than 65,535 bytes fails one call") {
    for (const auto& field : {"A: " + std::string(66'000, 'b'), std::string(66'000, 'a') + ": b"}) {
        CHECK(failure_after(chunked + "0\r\n" + field + "\r\n\r\n") == "answer too long");
        CHECK(failure_after(chunked + "3\r\nabc\r\n0\r\n" + field + "\r\n\r\n") == "answer too long");
    }
    // The same for Google's keys.
    raw_server server([](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send(chunked + "2\r\n{}\r\n0\r\nA: " + std::string(66'000, 'b') + "\r\n\r\n");
    });
    const auto keys = auth::fetch_keys_from(server.url())();
    REQUIRE(keys.has_error());
    CHECK(keys.error().detail == "answer too long");
}

TEST_CASE("endless trailers, chunk extensions and interim answers are not read") {
    struct example {
        std::string begin;
        std::string piece;
        std::string failure;
    };
    for (const auto& one : {example{chunked + "0\r\n", "A: b\r\n", "answer too long"},
                            {chunked + "0\r\n", "A: " + std::string(1000, 'b') + "\r\n", "answer too long"},
                            {chunked + "1;a=", std::string(1000, 'b'), "answer too long"},
                            {chunked, "1;a=" + std::string(1000, 'b') + "\r\nx\r\n", "answer too long"},
                            {chunked, std::string(1000, '0'), "answer too long"},
                            {"HTTP/1.1 200 OK\r\n", "A: b\r\n", "answer too long"},
                            {"HTTP/1.1 200 ", std::string(1000, 'a'), "answer too long"},
                            {"", "HTTP/1.1 100 Continue\r\n\r\n", "the answer is not valid HTTP: bad status"},
                            {"", "HTTP/1.1 103 Early Hints\r\nA: " + std::string(10'000, 'b') + "\r\n\r\n", "answer too long"}}) {
        CAPTURE(one.begin);
        CAPTURE(one.piece.substr(0, 100));
        std::atomic<std::size_t> sent{0};
        raw_server server(attack_once(endlessly(one.begin, one.piece, sent)));
        http_client client(server.url(), {.timeout = 20s});
        CHECK(failure_of_first(client) == one.failure);
        REQUIRE(server.wait_closed(2));
        CHECK(sent < (16u << 20)); // little more than what the kernel buffers
    }
}

TEST_CASE("an answer with an ambiguous end is refused, and what follows is not taken as an answer") {
    const std::string smuggled = answer_text("wrong");
    for (const std::string fields :
         {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
          "Content-Length: 0\r\nContent-Length: 0\r\n", "Content-Length: 0, 0\r\n", "Transfer-Encoding: gzip, chunked\r\n",
          "Transfer-Encoding: gzip\r\nContent-Length: 0\r\n"}) {
        CAPTURE(fields);
        CHECK(failure_after("HTTP/1.1 200 OK\r\n" + fields + "\r\n0\r\n\r\n" + smuggled).starts_with("the answer is not valid HTTP: "));
    }
    CHECK(failure_after("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nwrong").starts_with("the answer is not valid HTTP: "));
    CHECK(failure_after("HTTP/1.1 101 Switching Protocols\r\n\r\n" + smuggled).starts_with("the answer is not valid HTTP: "));
}

TEST_CASE("the deadline holds while bytes keep arriving") {
    for (const std::string begin : {"HTTP/1.1 200 OK\r\nA: ", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
                                    "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000\r\n",
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: "}) {
        CAPTURE(begin);
        raw_server server(attack_once([&](raw_connection& peer) {
            peer.send(begin);
            for (int i = 0; i < 20'000; ++i) {
                peer.send("x");
                std::this_thread::sleep_for(1ms);
            }
        }));
        http_client client(server.url(), {.timeout = 500ms, .longest_body = 32 << 20});
        expect_timeout(client, 500ms);
    }
}

TEST_CASE("one deadline covers connecting, requests and answers") {
    // The first connection is kept and ends at the next request: the second call starts again, within the same deadline.
    std::atomic<int> requests{0};
    raw_server server([&](raw_connection& peer) {
        while (!peer.read_request().empty()) {
            if (++requests == 1) {
                peer.send(answer_text("first"));
            } else if (requests == 2) {
                std::this_thread::sleep_for(300ms);
                return;
            } else {
                peer.stall();
            }
        }
    });
    http_client client(server.url(), {.timeout = 3s});
    REQUIRE(client.send({}).has_value());
    expect_timeout(client, 3s);
    CHECK(requests == 3);
}

TEST_CASE("a client that runs out of memory fails one call") {
    const auto large = answer_text(std::string(3 << 20, 'x'));
    raw_server server(attack_once([&](raw_connection& peer) { peer.send(large); }));
    http_client client(server.url());
    const auto first = [&] {
        const allocation_limit limit(1 << 20);
        return client.send({});
    }();
    REQUIRE(!first);
    CHECK(first.error().code == errc::unavailable);
    CHECK(first.error().detail == "out of memory");
    CHECK(client.send({})->body == "good");
}

TEST_CASE("hostile answers over TLS fail one call") {
    const auto pair = make_certificate({"127.0.0.1"});
    CHECK(failure_after(chunked + "0\r\nA: " + std::string(66'000, 'b') + "\r\n\r\n", pair) == "answer too long");
    CHECK(failure_after(chunked + "3\r\nab", pair) == "the connection was cut off");
    CHECK(failure_after("HTTP/1.1 200 OK\r\n\r\nwithout the notice that TLS ends", pair) == "the connection was cut off");
}
