// SPDX-License-Identifier: MPL-2.0
// Requests that are never completed, and answers that are never read.
#include "peer.hpp"
#include "target.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1024 * 1024;

/// Sends the request on each connection as far as the server reads it before `limit`, then holds all connections without reading
/// while another client must be served. `answered`: first waits until each connection has an answer or has ended.
void send_and_hold(target& server, std::vector<peer>& peers, std::string_view request, bool answered,
                   std::chrono::milliseconds limit = 8s) {
    std::vector<std::size_t> sent(peers.size(), 0);
    const auto until = std::chrono::steady_clock::now() + limit;
    for (bool goes_on = true; goes_on && std::chrono::steady_clock::now() < until;) {
        goes_on = false;
        for (std::size_t i = 0; i < peers.size(); ++i) {
            sent[i] += peers[i].offer(request.substr(sent[i]));
            goes_on = goes_on || (peers[i].is_open() && sent[i] < request.size());
        }
        std::this_thread::sleep_for(1ms);
    }
    if (answered) {
        const auto patience = std::chrono::steady_clock::now() + 15s * slowness;
        CHECK(std::all_of(peers.begin(), peers.end(),
                          [&](const peer& one) { return one.has_input(patience - std::chrono::steady_clock::now()); }));
    }
    bystander late(server.port(), "127.0.0.78");
    CHECK(late.gets(50));
    check_all_served(late.stop());
}

std::string started_post(std::string_view path, std::size_t length) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", path, length);
}

} // namespace

TEST_CASE("unread answers to bad JSON of 1 MiB take little memory") {
    survives(
        [](target& server) {
            // An echo of each control character or quote would take several bytes.
            for (const auto& filling : {std::string(mib - 100, '"'), std::string(mib - 100, '\x01'), std::string(mib - 100, '\xff')}) {
                auto peers = open_peers(server.port(), 60, loopback_addresses(20));
                send_and_hold(server, peers, started_post("/ctms", filling.size() + 1) + "{" + filling, true);
            }
        },
        {.peak_rss_mib = 256, .rss_after_mib = 128});
}

TEST_CASE("unread answers to invalid members of 1 MiB take little memory") {
    survives(
        [](target& server) {
            std::string body = R"({"email":{"primary_email":"a@example.com"},"newsletters":[)";
            for (int i = 0; i < 9'999; ++i) body += R"({"name":1,"lang":[],"format":{},"source":0},)";
            body += "1]}";
            auto peers = open_peers(server.port(), 60, loopback_addresses(20));
            send_and_hold(server, peers, target::request("POST", "/ctms", body), true);
        },
        {.peak_rss_mib = 256, .rss_after_mib = 128, .p99 = 10s});
}

TEST_CASE("100 bodies of 1 MiB without the last byte take little more memory than their size") {
    survives(
        [](target& server) {
            auto peers = open_peers(server.port(), 100, loopback_addresses(50));
            send_and_hold(server, peers, started_post("/ctms", mib) + std::string(mib - 1, ' '), false);
        },
        {.peak_rss_mib = 256, .rss_after_mib = 128});
}

TEST_CASE("incomplete bodies of 1 MiB from one address leave memory for large messages of others") {
    survives(
        [](target& server) {
            auto peers = open_peers(server.port(), 300);
            send_and_hold(server, peers, started_post("/token", mib) + std::string(mib - 1, ' '), false);
            for (int i = 0; i < 10; ++i) {
                peer reader(server.port(), "127.0.0.90");
                REQUIRE(reader.send(request_text("GET", "/openapi.json")));
                CHECK(reader.receive(10s * slowness).status == 200);
                peer writer(server.port(), "127.0.0.91");
                REQUIRE(writer.send(target::request("PATCH", "/ctms/" + target::contact(),
                                                    R"({"email":{"unsubscribe_reason":")" + std::string(200'000, 'a') + R"("}})")));
                CHECK(writer.receive(10s * slowness).status == 200);
            }
        },
        {.peak_rss_mib = 384, .rss_after_mib = 128});
}

TEST_CASE("1,000 bodies of 1 MiB without the last byte take no more memory than the server allows") {
    survives(
        [](target& server) {
            auto peers = open_peers(server.port(), 1'000, loopback_addresses(100));
            send_and_hold(server, peers, started_post("/token", mib) + std::string(mib - 1, ' '), false);
        },
        {.peak_rss_mib = 256, .rss_after_mib = 128});
}

TEST_CASE("500 incomplete headers of 16 KiB take little memory") {
    survives(
        [](target& server) {
            auto peers = open_peers(server.port(), 500, loopback_addresses(100));
            send_and_hold(server, peers, "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(16'000, 'a'), false);
        },
        {.peak_rss_mib = 128, .rss_after_mib = 96});
}

TEST_CASE("documents that 200 clients request and never read take little memory") {
    survives(
        [](target& server) {
            std::string requests;
            for (int i = 0; i < 50; ++i) requests += "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
            auto peers = open_peers(server.port(), 200, loopback_addresses(50));
            send_and_hold(server, peers, requests, true, 3s);
        },
        {.peak_rss_mib = 160, .rss_after_mib = 128});
}

TEST_CASE("pages and streams of updates that 100 clients request and never read take little memory") {
    survives(
        [](target& server) {
            // Contacts of several KiB each.
            std::string body = R"({"email":{"primary_email":"@example.com"},"newsletters":[)";
            for (int i = 0; i < 40; ++i)
                body += fmt::format(R"({{"name":"newsletter-{}","source":"https://example.com/{}"}},)", i, std::string(100, 'x'));
            body.back() = ']';
            body += "}";
            peer writer(server.port());
            for (int i = 0; i < 300; ++i) {
                auto one = body;
                one.insert(one.find("@example"), fmt::format("reader{}", i));
                REQUIRE(writer.send(target::request("POST", "/ctms", one)));
                REQUIRE(writer.receive(10s * slowness).status == 201);
            }
            const auto target_of = std::string("/updates?start=2000-01-01T00:00:00Z&limit=");
            const auto page = target::request("GET", target_of + "1000");
            const auto stream = request_text("GET", "/updates?start=2000-01-01T00:00:00Z",
                                             {{"Authorization", target::bearer()}, {"Accept", "application/x-ndjson"}});
            auto pages = open_peers(server.port(), 50, loopback_addresses(25));
            auto streams = open_peers(server.port(), 50, loopback_addresses(25));
            send_and_hold(server, pages, page, true);
            send_and_hold(server, streams, stream, true);
        },
        {.peak_rss_mib = 384, .rss_after_mib = 160});
}
