// SPDX-License-Identifier: MPL-2.0
// Event streams of /changes: thousands that are opened, and clients that do not read what they asked for.
#include "peer.hpp"
#include "target.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>
#include <iterator>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

std::string stream_request(std::string_view query = "") {
    return fmt::format("GET /changes{} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: {}\r\n\r\n", query,
                       target::bearer());
}

/// How many of the peers got this status. Each must get an answer.
std::size_t with_status(std::vector<peer>& peers, std::string_view status) {
    std::size_t out = 0;
    for (auto& one : peers) {
        const auto text = one.read(20s * slowness);
        CHECK(text.starts_with("HTTP/1.1 "));
        out += text.starts_with(fmt::format("HTTP/1.1 {} ", status)) ? 1 : 0;
    }
    return out;
}

std::string metrics_of(const target& server) { return ask(server.port(), "GET", "/metrics").body; }

/// Waits until the server has sent what the clients' systems take, so that it waits for all clients that do not read.
void wait_until_blocked(const target& server) {
    const auto sent = [&] {
        const auto text = metrics_of(server);
        const auto at = text.find("\nctms_events_sent_total ");
        return text.substr(at, text.find('\n', at + 1) - at);
    };
    CHECK(becomes_true(
        [&] {
            const auto before = sent();
            std::this_thread::sleep_for(1500ms);
            return before == sent();
        },
        sanitized ? 250s : 120s));
}

/// 300 contacts of 50 KB, so that each stream has much to send.
void add_large_contacts(const target& server) {
    ctms::persistence::connection link(server.database().options());
    link.execute("insert into emails (email_id, primary_email, unsubscribe_reason, update_timestamp) select gen_random_uuid(), 'a' || i, "
                 "repeat('x', 50000), now() from generate_series(1, 300) i");
}

/// 500 streams. Every second one has much to send, which its client does not read; the clients of the others have read everything.
struct many_streams {
    explicit many_streams(const target& server)
        : read(open_peers(server.port(), 250, loopback_addresses(50, 7))),
          unread(open_peers(server.port(), 250, loopback_addresses(50, 8))) {
        for (auto& one : read) CHECK(one.send(stream_request()));
        for (auto& one : read)
            CHECK(becomes_true([&] { return one.read(5s * slowness).find("\n\n") != std::string::npos; }, 20s * slowness));
        add_large_contacts(server);
        for (auto& one : unread) CHECK(one.send(stream_request("?include=contact")));
        for (auto& one : unread) CHECK(one.has_input(20s * slowness));
        wait_until_blocked(server);
    }
    std::vector<peer> read;
    std::vector<peer> unread;
};

/// How many of these streams end within `limit`, and say why.
std::size_t ended_with(std::vector<peer>& streams, std::string_view reason, std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    std::size_t out = 0;
    for (auto& one : streams) {
        std::string text;
        while (one.is_open() && std::chrono::steady_clock::now() < until) text += one.read(100ms);
        out += !one.is_open() && text.find(reason) != std::string::npos ? 1 : 0;
    }
    return out;
}

} // namespace

TEST_CASE("3,000 event streams of one client leave room for others, and most are refused") {
    survives(
        [](target& server) {
            bystander others(server.port(), "127.0.0.78");
            std::vector<peer> open;
            std::size_t accepted = 0;
            std::size_t refused = 0;
            for (int round = 0; round < 10; ++round) {
                auto peers = open_peers(server.port(), 300, loopback_addresses(75, 4));
                for (auto& one : peers) CHECK(one.send(stream_request()));
                for (auto& one : peers) {
                    const auto text = one.read(20s * slowness);
                    accepted += text.starts_with("HTTP/1.1 200 ") ? 1 : 0;
                    refused += text.starts_with("HTTP/1.1 429 ") ? 1 : 0;
                }
                open.insert(open.end(), std::make_move_iterator(peers.begin()), std::make_move_iterator(peers.end()));
            }
            CHECK(accepted == 100); // CTMS_EVENT_STREAMS_PER_CLIENT
            CHECK(refused == 2'900);
            CHECK(metrics_of(server).find("\nctms_event_streams_open 100\n") != std::string::npos);
            CHECK(others.gets(100));
            check_all_served(others.stop());
        },
        {});
}

TEST_CASE("500 event streams beside writers: all get changes, in bounded memory") {
    survives(
        [](target& server) {
            auto peers = open_peers(server.port(), 500, loopback_addresses(75, 5));
            for (auto& one : peers) CHECK(one.send(stream_request()));
            CHECK(with_status(peers, "200") == 500);
            bystander others(server.port(), "127.0.0.78"); // it also changes a contact all the time
            CHECK(others.gets(60));
            check_all_served(others.stop());
            for (auto& one : peers) {
                std::string text;
                CHECK(becomes_true([&] { return (text += one.read(100ms)).find(R"("change":"updated")") != std::string::npos; },
                                   20s * slowness));
            }
        },
        {}, {"CTMS_EVENT_STREAMS_PER_CLIENT=500"});
}

TEST_CASE("500 event streams with large contacts that are not read hold bounded memory, and others are served") {
    survives(
        [](target& server) {
            add_large_contacts(server);
            auto peers = open_peers(server.port(), 500, loopback_addresses(100, 6));
            for (auto& one : peers) CHECK(one.send(stream_request("?include=contact")));
            for (auto& one : peers) CHECK(one.has_input(20s * slowness));
            wait_until_blocked(server);
            bystander others(server.port(), "127.0.0.78");
            CHECK(others.gets(60));
            check_all_served(others.stop());
            CHECK(metrics_of(server).find("\nctms_event_streams_open 500\n") != std::string::npos);
            peers.clear();
            CHECK(becomes_true([&] { return metrics_of(server).find("\nctms_event_streams_open 0\n") != std::string::npos; },
                               20s * slowness));
        },
        {.peak_rss_mib = 96}, {"CTMS_EVENT_STREAMS_PER_CLIENT=500"});
}

TEST_CASE("500 event streams end within seconds when the server stops, also those that are not read") {
    target server({"CTMS_EVENT_STREAMS_PER_CLIENT=500"});
    many_streams streams(server);
    const auto sent = std::chrono::steady_clock::now();
    server.process().signal(SIGTERM);
    CHECK(ended_with(streams.read, "server_stopping", 5s * slowness) == 250);
    CHECK(server.process().wait(30s * slowness) == 0);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - sent);
    MESSAGE("ended after ", took.count(), " ms");
    CHECK(took <= 5s * slowness);
}

TEST_CASE("500 event streams end within seconds when their client is disabled, also those that are not read") {
    target server({"CTMS_EVENT_STREAMS_PER_CLIENT=500"});
    const auto before = server.descriptors();
    many_streams streams(server);
    ctms::persistence::connection link(server.database().options());
    link.execute(fmt::format("update api_client set enabled = false where client_id = '{}'", target::client));
    CHECK(ended_with(streams.read, "client_disabled", 10s * slowness) == 250);
    CHECK(becomes_true([&] { return metrics_of(server).find("\nctms_event_streams_open 0\n") != std::string::npos; }, 10s * slowness));
    CHECK(becomes_true([&] { return server.descriptors() <= before + 10; }, 5s * slowness));
}

TEST_CASE("event streams that are not read hold bounded memory, and others are served") {
    survives(
        [](target& server) {
            ctms::persistence::connection link(server.database().options());
            link.execute("insert into emails (email_id, primary_email, first_name, update_timestamp) select gen_random_uuid(), 'a' || i, "
                         "repeat('x', 200), now() from generate_series(1, 20000) i");
            auto peers = open_peers(server.port(), 90, loopback_addresses(75, 6));
            for (auto& one : peers) CHECK(one.send(stream_request("?include=contact")));
            bystander others(server.port(), "127.0.0.78");
            CHECK(others.gets(30));
            check_all_served(others.stop());
            peers.clear();
            CHECK(becomes_true([&] { return metrics_of(server).find("\nctms_event_streams_open 0\n") != std::string::npos; },
                               20s * slowness));
        },
        {});
}
