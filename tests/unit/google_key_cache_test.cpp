// SPDX-License-Identifier: MPL-2.0
// When a verifier of Google tokens fetches keys, and how long it keeps them.
#include "base/base64.hpp"
#include "support/google_key_server.hpp"
#include "support/google_tokens.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <malloc.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace ctms::test;
using namespace ctms;
using namespace std::chrono_literals;

namespace {

constexpr auto unknown = "Unknown key";

// Making keys and tokens takes a while: each is made once and can be used by every test.
struct known_token {
    google_key key;
    std::string token;

    explicit known_token(std::string id)
        : key(google_key::rsa(std::move(id))),
          token(key.token(
              fmt::format(R"({{"aud":"{}","iss":"accounts.google.com","iat":0,"exp":9999999999}})", verifier_setting::audience))) {}
};
const known_token& first() {
    static const known_token made("first");
    return made;
}
const known_token& second() {
    static const known_token made("second");
    return made;
}

/// A verifier that has just fetched the first key.
struct setting_with_first_key : verifier_setting {
    explicit setting_with_first_key(std::chrono::seconds max_age = 1h) {
        server.serve(certificates_of({first().key}), max_age);
        REQUIRE(problem(first().token) == "");
    }
};

std::string unknown_token(int number) {
    return base64url_encode(fmt::format(R"({{"alg":"RS256","kid":"no key {}"}})", number)) + ".e30.AAAA";
}

// The bytes that the process has from malloc, if the allocator counts them (those of the sanitizers do not).
std::size_t allocated() {
    const auto use = mallinfo2();
    return use.uordblks + use.hblkhd;
}

} // namespace

TEST_CASE("Google's keys are kept as long as their document allows") {
    verifier_setting setting;
    CHECK(setting.server.fetches() == 0);
    setting.server.serve(certificates_of({first().key}), 600s);
    CHECK(setting.problem(first().token) == "");
    setting.clock.move(599s);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == 1);
    setting.clock.move(1s);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == 2);
}

TEST_CASE("Google's keys are kept for at least a minute and at most a day") {
    verifier_setting setting;
    for (const auto age : {0s, -5s, 59s}) {
        setting.clock.move(48h);
        setting.server.serve(certificates_of({first().key}), age);
        const int before = setting.server.fetches();
        CHECK(setting.problem(first().token) == "");
        setting.clock.move(59s);
        CHECK(setting.problem(first().token) == "");
        CHECK(setting.server.fetches() == before + 1);
        setting.clock.move(1s);
        CHECK(setting.problem(first().token) == "");
        CHECK(setting.server.fetches() == before + 2);
    }
    setting.clock.move(48h);
    setting.server.serve(certificates_of({first().key}), 1000h);
    CHECK(setting.problem(first().token) == "");
    const int before = setting.server.fetches();
    setting.clock.move(24h - 1s);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == before);
    setting.clock.move(1s);
    setting.server.go_down();
    CHECK(setting.problem(first().token) == "unavailable");
}

TEST_CASE("a new Google key is found by one more fetch, a minute after the last one") {
    verifier_setting setting;
    setting.server.serve(certificates_of({first().key}));
    CHECK(setting.problem(second().token) == unknown);
    CHECK(setting.server.fetches() == 1);
    setting.server.serve(key_set_of({second().key}));
    setting.clock.move(59s);
    CHECK(setting.problem(second().token) == unknown);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == 1);
    setting.clock.move(1s);
    CHECK(setting.problem(second().token) == "");
    CHECK(setting.problem(second().token) == "");
    CHECK(setting.problem(first().token) == unknown); // the key was withdrawn
    CHECK(setting.server.fetches() == 2);
}

TEST_CASE("a million tokens with unknown keys cause one fetch per minute and take no memory") {
    setting_with_first_key setting{24h};
    CHECK(setting.problem(unknown_token(-1)) == unknown);
    const auto before = allocated();
    int refused = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        if (i % 1000 == 999) setting.clock.move(1s);
        refused += setting.problem(unknown_token(i)) == unknown ? 1 : 0;
    }
    CHECK(refused == 1'000'000);
    CHECK(setting.server.fetches() == 1 + 1000 / 60);
    CHECK(allocated() < before + (1 << 20));
    CHECK(setting.problem(first().token) == "");
}

TEST_CASE("while the server is down, Google's keys are used for a day and fetched once per minute") {
    setting_with_first_key setting{600s};
    setting.server.go_down();
    setting.clock.move(600s);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.problem(second().token) == unknown);
    CHECK(setting.server.fetches() == 2);
    setting.clock.move(59s);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == 2);
    setting.clock.move(1s);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == 3);
    setting.clock.move(24h - 661s);
    CHECK(setting.problem(first().token) == "");
    setting.clock.move(1s);
    CHECK(setting.problem(first().token) == "unavailable");
    CHECK(setting.problem(second().token) == "unavailable");
    setting.server.serve(certificates_of({first().key}));
    setting.clock.move(5s);
    CHECK(setting.problem(first().token) == "");
}

TEST_CASE("without Google's keys there is one fetch every five seconds") {
    verifier_setting setting;
    setting.server.go_down();
    const auto outcome = setting.verifier.verify(first().token);
    REQUIRE(outcome.has_error());
    CHECK(outcome.error().code == errc::unavailable);
    CHECK(outcome.error().detail == "no keys of Google: cannot connect");
    setting.clock.move(4s);
    CHECK(setting.problem(first().token) == "unavailable");
    CHECK(setting.problem("no token") == unknown);
    CHECK(setting.server.fetches() == 1);
    setting.clock.move(1s);
    CHECK(setting.problem(first().token) == "unavailable");
    CHECK(setting.server.fetches() == 2);
    setting.server.serve(certificates_of({first().key}));
    CHECK(setting.problem(first().token) == "unavailable");
    setting.clock.move(5s);
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == 3);
}

TEST_CASE("an invalid document leaves Google's keys unchanged") {
    setting_with_first_key setting{600s};
    int fetches = 1;
    for (const auto* garbage : {"", "{}", "<html>", R"({"first":"-----BEGIN CERTIFICATE-----"})", R"({"keys":[]})"}) {
        setting.server.serve(garbage, 24h);
        setting.clock.move(600s);
        CHECK(setting.problem(first().token) == "");
        CHECK(setting.server.fetches() == ++fetches);
    }
    setting.clock.move(60s); // an invalid document is not kept, whatever its headers say
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == ++fetches);
}

TEST_CASE("after the clock is set back, Google's keys are fetched again and verification continues") {
    setting_with_first_key setting;
    setting.clock.move(-48h);
    setting.server.go_down();
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.problem(first().token) == "");
    CHECK(setting.server.fetches() == 2);
    setting.server.serve(certificates_of({second().key}));
    setting.clock.move(60s);
    CHECK(setting.problem(second().token) == "");
    CHECK(setting.server.fetches() == 3);
}

TEST_CASE("many threads without Google's keys wait for one fetch") {
    verifier_setting setting;
    setting.server.serve(certificates_of({first().key}));
    const std::string token = first().token;
    std::atomic<int> begun{0};
    std::atomic<int> good{0};
    // The fetch continues until all threads have started, and then for as long as a second fetch would need to start.
    setting.server.while_fetching([&] {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (begun < 8 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        const auto patience = std::chrono::steady_clock::now() + 100ms;
        while (setting.server.fetches() < 2 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    });
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            ++begun;
            for (int n = 0; n < 50; ++n) good += setting.problem(token).empty() ? 1 : 0;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(good == 8 * 50);
    CHECK(setting.server.fetches() == 1);
}

TEST_CASE("a token with a known Google key does not wait for the fetch of another thread") {
    setting_with_first_key setting;
    setting.clock.move(60s);
    held_fetch fetch(setting.server);
    std::jthread other([&] { CHECK(setting.problem(unknown_token(1)) == unknown); });
    REQUIRE(fetch.begins());
    CHECK(setting.problem(first().token) == "");
    fetch.release();
    other.join();
    CHECK(fetch.was_released());
    CHECK(setting.server.fetches() == 2);
}

TEST_CASE("a known Google key that is due for a fetch is used while another thread fetches") {
    setting_with_first_key setting{60s};
    setting.clock.move(60s);
    held_fetch fetch(setting.server);
    std::thread other([&] { CHECK(setting.problem(first().token) == ""); });
    REQUIRE(fetch.begins());
    CHECK(setting.problem(first().token) == "");
    fetch.release();
    other.join();
    CHECK(fetch.was_released());
    CHECK(setting.server.fetches() == 2);
}

TEST_CASE("one token with an unknown key waits for another thread's fetch, and the others are refused") {
    setting_with_first_key setting{24h};
    setting.clock.move(60s);
    held_fetch fetch(setting.server);
    std::thread fetcher([&] { CHECK(setting.problem(unknown_token(0)) == unknown); });
    REQUIRE(fetch.begins());
    std::atomic<int> waited{0};
    std::atomic<int> turned_away{0};
    std::vector<std::thread> threads;
    for (int i = 1; i <= 4; ++i) {
        threads.emplace_back([&, i] {
            const auto problem = setting.problem(unknown_token(i));
            waited += problem == unknown ? 1 : 0;
            if (problem == "unavailable" && ++turned_away == 3) fetch.release();
        });
    }
    for (auto& thread : threads) thread.join();
    fetcher.join();
    CHECK(fetch.was_released());
    CHECK(waited == 1);
    CHECK(turned_away == 3);
    CHECK(setting.server.fetches() == 2);
}

TEST_CASE("a key source that throws does not lock the verifier") {
    verifier_setting setting;
    setting.server.serve(certificates_of({first().key}));
    setting.server.while_fetching([] { throw std::logic_error("a bug"); });
    CHECK_THROWS_AS((void)setting.problem(first().token), std::logic_error);
    CHECK(setting.problem(first().token) == "unavailable");
    setting.server.while_fetching({});
    setting.clock.move(5s);
    CHECK(setting.problem(first().token) == "");
}
