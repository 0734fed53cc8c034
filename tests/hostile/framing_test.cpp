// SPDX-License-Identifier: MPL-2.0
// HTTP that is too long, split too finely or not HTTP at all, from a client without a token.
#include "peer.hpp"
#include "target.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <random>
#include <system_error>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1024 * 1024;

std::string chunked_post(std::string_view path) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path);
}

/// Sends `start` and then `piece` over and over. The server must close the connection after a few MiB at most, because the
/// client would never be done.
void check_endless(std::string_view start, std::string_view piece) {
    survives(
        [&](target& server) {
            for (int i = 0; i < 4; ++i) {
                peer attacker(server.port());
                REQUIRE(attacker.send(start));
                constexpr std::size_t most = 64 * mib;
                CHECK(flood(attacker, piece, most, 5s * slowness) < most);
                CHECK_FALSE(attacker.is_open());
                CHECK(server.is_alive());
            }
        },
        {.peak_rss_mib = 128, .rss_after_mib = 96});
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    out.reserve(text.size() * times);
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

} // namespace

TEST_CASE("trailers with a name or value of more than 64 KiB end at most their own connection") {
    survives([](target& server) {
        for (const auto* path : {"/token", "/ctms", "/__lbheartbeat__", "/nowhere"}) {
            for (const std::size_t size : {65'535U, 65'536U, 66'000U, 1'000'000U}) {
                for (const auto& trailer : {"A: " + std::string(size, 'b'), std::string(size, 'a') + ": b"}) {
                    peer attacker(server.port());
                    (void)attacker.send(chunked_post(path) + "0\r\n" + trailer + "\r\n\r\n");
                    (void)attacker.read(5s * slowness);
                    REQUIRE(server.is_alive());
                }
            }
        }
    });
}

TEST_CASE("endless trailer lines end the connection") { check_endless(chunked_post("/token") + "0\r\n", repeated("A: b\r\n", 10'000)); }

TEST_CASE("endless long trailer lines end the connection") {
    check_endless(chunked_post("/token") + "0\r\n", repeated("A: " + std::string(8'000, 'b') + "\r\n", 8));
}

TEST_CASE("endless header lines end the connection") { check_endless("GET / HTTP/1.1\r\nHost: x\r\n", repeated("A: b\r\n", 10'000)); }

TEST_CASE("an endless request line ends the connection") { check_endless("GET /", std::string(64 * 1024, 'a')); }

TEST_CASE("an endless chunk extension ends the connection") { check_endless(chunked_post("/token") + "1", repeated(";a=b", 16'000)); }

TEST_CASE("chunks with long extensions and little content end the connection") {
    check_endless(chunked_post("/token"), repeated("1;" + std::string(8'000, 'a') + "\r\nx\r\n", 8));
}

TEST_CASE("endless empty lines before a request end the connection") { check_endless("\r\n", repeated("\r\n", 32'000)); }

TEST_CASE("a body in chunks of one byte takes little CPU time") {
    survives([](target& server) {
        constexpr std::size_t chunks = 512 * 1024;
        const auto body = repeated("1\r\nx\r\n", chunks) + "0\r\n\r\n";
        const auto before = server.cpu_time();
        for (int i = 0; i < 3; ++i) {
            peer attacker(server.port());
            REQUIRE(attacker.send(chunked_post("/ctms")));
            (void)attacker.send(body, 20s * slowness);
            CHECK(attacker.receive(20s * slowness).status >= 400);
        }
        CHECK(server.cpu_time() - before < 3s * slowness);
    });
}

TEST_CASE("100,000 pipelined requests whose answers are never read take little memory") {
    survives(
        [](target& server) {
            const auto requests = repeated("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 1'000);
            auto attackers = open_peers(server.port(), 20);
            const auto until = std::chrono::steady_clock::now() + 3s;
            std::size_t sent = 0;
            while (std::chrono::steady_clock::now() < until && sent < 100) {
                for (auto& one : attackers) sent += one.offer(requests) > 0 ? 1 : 0;
                std::this_thread::sleep_for(1ms);
            }
            CHECK(sent > 0);
        },
        {.peak_rss_mib = 160, .rss_after_mib = 128});
}

TEST_CASE("bytes that are not HTTP end their connection") {
    survives([](target& server) {
        std::mt19937 random(7); // NOLINT(cert-msc51-cpp): the same bytes in every run
        std::vector<std::string> all{
            std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(506, '\x11'), // TLS ClientHello
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",                                                         // HTTP/2 preface
            "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02", 28), // PROXY, version 2
            "GET / HTTP/9.9\r\n\r\n",
            "GET\r\n\r\n",
            std::string(8, '\0') + "\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            chunked_post("/ctms") + "FFFFFFFFFFFFFFFFF\r\n",
            chunked_post("/ctms") + "-1\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
        };
        for (int i = 0; i < 200; ++i) {
            std::string bytes(200, '\0');
            for (auto& one : bytes) one = static_cast<char>(random());
            all.push_back(bytes + "\r\n\r\n");
        }
        for (std::size_t number = 0; number < all.size(); ++number) {
            peer attacker(server.port());
            (void)attacker.send(all[number]);
            CAPTURE(number);
            CHECK(attacker.ends_within(5s * slowness));
        }
    });
}

TEST_CASE("damaged requests end their connection or are answered") {
    survives([](target& server) {
        std::mt19937 random(11); // NOLINT(cert-msc51-cpp): the same bytes in every run
        const auto good = chunked_post("/token") + "5;a=b\r\nclien\r\n3\r\nt=x\r\n0\r\nT: u\r\n\r\n" +
                          target::request("POST", "/ctms", R"({"email":{"primary_email":"a"}})") + "GET /docs HTTP/1.0\r\n\r\n";
        for (int i = 0; i < 500; ++i) {
            auto bytes = good;
            for (int change = 0; change < 4; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
            peer attacker(server.port());
            (void)attacker.send(bytes);
            attacker.finish_sending();
            CAPTURE(i);
            CHECK(attacker.ends_within(10s * slowness));
        }
    });
}
