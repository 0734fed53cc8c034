// SPDX-License-Identifier: MPL-2.0
// Floods of POST /token by clients without credentials, and clients that have them.
#include "peer.hpp"
#include "target.hpp"

#include <auth/secrets.hpp>
#include <base/base64.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>

using namespace ctms::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

std::string form_of(const std::string& id, const std::string& secret) {
    return request_text("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}},
                        fmt::format("client_id={}&client_secret={}", id, secret));
}

struct timed_answer {
    int status = 0;
    std::chrono::milliseconds took{0};
};

timed_answer ask_token(target& server, const std::string& from, const std::string& id, const std::string& secret) {
    const auto sent = steady_clock::now();
    peer client(server.port(), from);
    REQUIRE(client.send(form_of(id, secret)));
    const auto answer = client.receive(40s * slowness);
    return {answer.status, std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - sent)};
}

/// The time that a secret's hash takes at least, on this machine and at this moment.
std::chrono::milliseconds hash_time() {
    std::chrono::milliseconds fastest = 1h;
    for (int i = 0; i < 3; ++i) {
        const auto began = steady_clock::now();
        (void)ctms::auth::hash_secret("a secret");
        fastest = std::min(fastest, std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - began));
    }
    return fastest;
}

/// Checks that a secret that was accepted a moment ago always gets a token, and quickly: without its hash. Only the fastest of several
/// answers counts, because the machine may be busy.
void check_known_secret_passes(target& server) {
    std::chrono::milliseconds fastest = 1h;
    for (int i = 0; i < 20; ++i) {
        const auto again = ask_token(server, "127.0.0.90", target::client, target::secret);
        CHECK(again.status == 200);
        fastest = std::min(fastest, again.took);
    }
    CHECK(fastest <= std::max(20ms * slowness, hash_time() / 2));
}

} // namespace

TEST_CASE("300 wrong secrets from one address do not delay the right one from another") {
    target server({"CTMS_TOKEN_FAILURES_PER_MINUTE=20"}); // few enough that the others do not wait too long for the hashes
    bystander others(server.port());
    auto attackers = open_peers(server.port(), 300);
    for (std::size_t i = 0; i < attackers.size(); ++i)
        (void)attackers[i].send(form_of(i % 2 == 0 ? target::client : fmt::format("id_{}", i), "wrong"));
    const auto first = ask_token(server, "127.0.0.90", target::client, target::secret);
    CHECK(first.status == 200);
    CHECK(first.took < 10s * slowness);
    MESSAGE("right secret, first time: ", first.status, " after ", first.took.count(), " ms");
    // The secret is known now.
    check_known_secret_passes(server);
    // The attacker is refused, and soon.
    int refused = 0;
    int too_many = 0;
    for (auto& one : attackers) {
        try {
            const auto answer = one.receive(20s * slowness);
            CHECK((answer.status == 400 || answer.status == 429 || answer.status == 503));
            refused += answer.status == 400 ? 0 : 1;
            too_many += answer.status == 429 ? 1 : 0;
        } catch (const std::runtime_error&) {
            ++refused; // refused as one connection too many
        }
    }
    CHECK(refused >= 100);
    CHECK(too_many > 0);
    check_held(server, others, {.peak_rss_mib = 256, .rss_after_mib = 128});
}

TEST_CASE("a flood of wrong secrets from 100 addresses does not delay a known right one") {
    target server;
    bystander others(server.port());
    REQUIRE(ask_token(server, "127.0.0.90", target::client, target::secret).status == 200);
    auto attackers = open_peers(server.port(), 300, loopback_addresses(100, 5));
    for (auto& one : attackers) (void)one.send(form_of(target::client, "wrong"));
    check_known_secret_passes(server);
    attackers.clear();
    check_held(server, others, {.peak_rss_mib = 256, .rss_after_mib = 128, .stops_within = 32s});
}

TEST_CASE("long ids in /token are neither stored nor logged in full") {
    survives(
        [](target& server) {
            const std::size_t logged = server.log_bytes();
            // 7,000 ids of 11 KB. Without a secret nothing is hashed, so this runs at full speed.
            for (int round = 0; round < 70; ++round) {
                auto attackers = open_peers(server.port(), 10, {fmt::format("127.0.6.{}", round + 1)});
                for (std::size_t i = 0; i < attackers.size(); ++i) {
                    std::string several;
                    for (int n = 0; n < 10; ++n) {
                        const auto id = ctms::base64_encode(fmt::format("id_{}_{}_{}_{}:", round, i, n, std::string(11'000, 'x')));
                        several += request_text("POST", "/token", {{"Authorization", "Basic " + id}, {"Content-Length", "0"}});
                    }
                    (void)attackers[i].send(several);
                    attackers[i].finish_sending();
                }
                CHECK(still_open(attackers, 20s * slowness) == 0);
            }
            constexpr std::size_t most_logged = 16 * 1024 * 1024;
            CHECK(server.log_bytes() - logged < most_logged);
        },
        {.peak_rss_mib = 64, .rss_after_mib = 64});
}
