// SPDX-License-Identifier: MPL-2.0
#include "acoustic/token_source.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
using acoustic::token_source;

namespace {

/// A vendor with the response that the test sets, and a clock that the test moves.
struct fixture {
    net::http_outcome answer = net::http_response{200, {}, R"({"access_token":"t1","token_type":"bearer","expires_in":14400})"};
    int fetches = 0;
    token_source::clock::time_point now{1h};
    token_source tokens{[this] { return ++fetches, answer; }, [this] { return now; }};

    void answers(int status, std::string body) { answer = net::http_response{status, {}, std::move(body)}; }
    void gives(const std::string& token, int life) {
        answers(200, R"({"access_token":")" + token + R"(","expires_in":)" + std::to_string(life) + "}");
    }
    void fails(const char* how) { answer = unavailable("unavailable", how); }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "acoustic token: a token is used until five minutes before it expires") {
    CHECK(tokens.get().token == "t1");
    now += 14400s - 301s;
    CHECK(tokens.get().token == "t1");
    CHECK(fetches == 1);
    now += 1s;
    gives("t2", 14400);
    CHECK(tokens.get().token == "t2");
    CHECK(fetches == 2);
}

TEST_CASE_FIXTURE(fixture, "acoustic token: a short-lived token is used for half of its lifetime") {
    gives("t1", 60);
    CHECK(tokens.get().token == "t1");
    now += 29s;
    CHECK(tokens.get().token == "t1");
    now += 1s;
    gives("t2", 60);
    CHECK(tokens.get().token == "t2");
}

TEST_CASE_FIXTURE(fixture, "acoustic token: a token without a lifetime has the usual one") {
    for (const auto* life : {"", R"(,"expires_in":null)", R"(,"expires_in":"soon")"}) {
        now += 24h;
        answers(200, std::string(R"({"access_token":"t")") + life + "}");
        const auto before = fetches;
        CHECK(tokens.get().token == "t");
        now += 3h;
        CHECK(tokens.get().token == "t");
        CHECK(fetches == before + 1);
    }
}

TEST_CASE_FIXTURE(fixture, "acoustic token: dropping the current token fetches another, and dropping an older one does not") {
    CHECK(tokens.get().token == "t1");
    gives("t2", 14400);
    tokens.drop("t1");
    CHECK(tokens.get().token == "t2");
    tokens.drop("t1");
    CHECK(tokens.get().token == "t2");
    CHECK(fetches == 2);
}

TEST_CASE_FIXTURE(fixture, "acoustic token: the reason for a missing token is returned") {
    const auto problem = [&] {
        now += 1h;
        return tokens.get().problem;
    };
    fails("cannot connect");
    CHECK(problem() == "no token: cannot connect");
    answers(401, "{}");
    CHECK(problem() == "no token: the credentials were refused (HTTP 401)");
    answers(400, R"({"error":"invalid_grant","client_secret":"s3cret"})");
    CHECK(problem() == "no token: the credentials were refused (HTTP 400)");
    answers(503, "");
    CHECK(problem() == "no token: HTTP 503");
    for (const auto* body : {"", "x", "[]", "{}", R"({"access_token":null})", R"({"access_token":""})", R"({"access_token":"a\r\nb"})",
                             R"({"access_token":5})", "\xFF"}) {
        answers(200, body);
        CHECK_MESSAGE(problem() == "no token: the response does not contain one", body);
    }
    gives("t", 14400);
    CHECK(problem().empty());
}

TEST_CASE_FIXTURE(fixture, "acoustic token: after failures the pauses between fetches grow to at most a minute") {
    fails("timed out");
    CHECK(tokens.get().problem == "no token: timed out");
    std::chrono::milliseconds least = 1s;
    for (int failure = 1; failure <= 9; ++failure) {
        const auto before = fetches;
        now += least - 1ms; // the pause has a random part of up to the same length
        CHECK(tokens.get().problem == "no token: timed out");
        CHECK(fetches == before);
        now += least + 1ms;
        CHECK(tokens.get().problem == "no token: timed out");
        CHECK(fetches == before + 1);
        least = std::min<std::chrono::milliseconds>(least * 2, 30s);
    }
    gives("t", 14400);
    now += 1min;
    CHECK(tokens.get().token == "t");
    // After a success, the next failure counts as the first one.
    tokens.drop("t");
    fails("timed out");
    CHECK(tokens.get().token.empty());
    const auto before = fetches;
    now += 2s;
    CHECK(tokens.get().token.empty());
    CHECK(fetches == before + 1);
}

TEST_CASE("acoustic token: one of many waiting threads fetches, and all get the result") {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
    std::atomic<int> fetches = 0;
    std::atomic<int> callers = 0;
    token_source tokens([&]() -> net::http_outcome {
        ++fetches;
        std::unique_lock lock(mutex);
        REQUIRE(changed.wait_for(lock, 30s, [&] { return open; }));
        return net::http_response{200, {}, R"({"access_token":"shared"})"};
    });
    std::vector<std::string> got(10);
    std::vector<std::thread> threads;
    for (auto& slot : got) {
        threads.emplace_back([&] {
            ++callers;
            slot = tokens.get().token;
        });
    }
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while ((callers < 10 || fetches < 1) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    {
        const std::lock_guard lock(mutex);
        open = true;
    }
    changed.notify_all();
    for (auto& thread : threads) thread.join();
    CHECK(fetches == 1);
    CHECK(got == std::vector<std::string>(10, "shared"));
}

TEST_CASE("acoustic token: a fetch that throws leaves no thread waiting") {
    int fetches = 0;
    token_source::clock::time_point now{1h};
    token_source tokens(
        [&]() -> net::http_outcome {
            if (++fetches == 1) throw std::bad_alloc();
            return net::http_response{200, {}, R"({"access_token":"t"})"};
        },
        [&] { return now; });
    CHECK_THROWS_AS((void)tokens.get(), std::bad_alloc);
    now += 1min;
    CHECK(tokens.get().token == "t");
}
