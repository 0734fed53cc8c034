// SPDX-License-Identifier: MPL-2.0
// Event streams of /changes: thousands that are opened, and clients that do not read what they asked for.
#include "peer.hpp"
#include "target.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

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
