// SPDX-License-Identifier: MPL-2.0
// Parts of a delivery without a database: signatures and Retry-After.
#include <auth/webhook_signature.hpp>
#include <webhook/messages.hpp>
#include <webhook/sender.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <stdexcept>

using namespace ctms;
using namespace std::chrono_literals;

TEST_CASE("webhooks: a signature is HMAC-SHA256 of the id, the timestamp and the body") {
    // printf 'msg_1.1700000000.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf %064d 0) -binary | base64
    const auto secret = "whsec_" + std::string(43, 'A') + "=";
    CHECK(auth::sign_webhook(secret, "msg_1", 1'700'000'000, R"({"a":1})") == "v1,HA9nSvEEuynF+mEPWgOAUWbrVA21G6kMzfOt+yEvB3I=");
    for (const auto* wrong : {"", "secret_AAAA", "whsec_A", "AAAA"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS((void)auth::sign_webhook(wrong, "msg_1", 0, ""), std::invalid_argument);
    }
}

TEST_CASE("webhooks: the id of a message depends on the webhook and the content") {
    const auto id = auth::webhook_message_id("a", "body");
    CHECK(id == auth::webhook_message_id("a", "body"));
    CHECK(id != auth::webhook_message_id("b", "body"));
    CHECK(id != auth::webhook_message_id("a", "other"));
    CHECK(id.size() == 36);
}

TEST_CASE("webhooks: Retry-After is a number of seconds or a date, within limits") {
    const timestamp when = std::chrono::sys_days(date(std::chrono::year(2026), std::chrono::month(3), std::chrono::day(1)));
    using webhook::read_retry_after;
    CHECK(read_retry_after("120", when) == 120s);
    CHECK(read_retry_after("0", when) == 0s);
    CHECK(read_retry_after("99999999", when) == webhook::longest_retry_after);
    CHECK(read_retry_after("99999999999999999999999", when) == webhook::longest_retry_after);
    CHECK(read_retry_after("Sun, 01 Mar 2026 00:01:30 GMT", when) == 90s);
    CHECK(read_retry_after("Sat, 28 Feb 2026 00:00:00 GMT", when) == 0s);
    CHECK(read_retry_after("Fri, 01 Mar 2030 00:00:00 GMT", when) == webhook::longest_retry_after);
    for (const auto* wrong : {"", "-1", "soon", "1.5", "Sun, 01 Mar 2026 00:01:30 CET", "Sun, 99 Mar 2026 00:01:30 GMT",
                              "Sun, 01 Foo 2026 00:01:30 GMT", "Sun, 01 Mar 2026 00-01-30 GMT"}) {
        CAPTURE(wrong);
        CHECK(read_retry_after(wrong, when) == std::nullopt);
    }
}

TEST_CASE("webhooks: messages have a type, a time and data") {
    const timestamp when = std::chrono::sys_days(date(std::chrono::year(2026), std::chrono::month(3), std::chrono::day(1)));
    CHECK(webhook::test_message("shop", when) ==
          R"({"type":"webhook.test","timestamp":"2026-03-01T00:00:00+00:00","data":{"webhook":"shop"}})");
    CHECK(webhook::lost_message("why", when) ==
          R"({"type":"contacts.changes_lost","timestamp":"2026-03-01T00:00:00+00:00","data":{"reason":"why"}})");
}
