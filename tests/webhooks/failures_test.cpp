// SPDX-License-Identifier: MPL-2.0
// Deliveries to receivers that fail, and to addresses that must not be called.
#include "scene.hpp"

#include <ctms/base/trace_context.hpp>

#include <persistence/webhooks/webhook_repository.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;
using model::webhook_state;

namespace {

/// Does `first` for the first `times` messages, and accepts the others.
webhook_receiver::answerer at_first(std::size_t times, webhook_receiver::answerer first) {
    return
        [times, first = std::move(first), good = answering("200 OK")](raw_connection& peer, std::size_t number, const received& message) {
            return number < times ? first(peer, number, message) : good(peer, number, message);
        };
}

bool close_at_once(raw_connection&, std::size_t, const received&) { return false; }

bool stall(raw_connection& peer, std::size_t, const received&) {
    peer.stall();
    return false;
}

/// Sends a byte of the body from time to time, without an end.
bool drip(raw_connection& peer, std::size_t, const received&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    for (;;) {
        peer.send("x");
        std::this_thread::sleep_for(20ms);
    }
}

bool flood(raw_connection& peer, std::size_t, const received&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const std::string block(65'536, 'x');
    for (;;) peer.send(block);
}

} // namespace

TEST_CASE_FIXTURE(webhook_scene, "webhooks: after the database's clock was set back, what waits too long is due") {
    webhook_receiver receiver;
    add("shop", receiver);
    create(1);
    persistence::connection link(database.options());
    bool is_due = true;
    SUBCASE("it was enabled before") { link.execute("update ctms_webhooks set next_attempt_at = now() + interval '2 hours'"); }
    SUBCASE("it failed before") { link.execute("update ctms_webhooks set failures = 2, next_attempt_at = now() + interval '30 hours'"); }
    SUBCASE("it failed, and waits no longer than it may") {
        link.execute("update ctms_webhooks set failures = 2, next_attempt_at = now() + interval '28 hours'");
        is_due = false;
    }
    SUBCASE("it was leased before, and its holder may still live for the length of a lease") {
        link.execute("update ctms_webhooks set holder = gen_random_uuid(), held_until = now() + interval '2 days'");
        is_due = false;
    }
    SUBCASE("its secret was rotated before") {
        link.execute("update ctms_webhooks set old_secret = secret, old_secret_until = now() + interval '3 years'");
    }
    start();
    if (is_due) CHECK(soon([&] { return receiver.known().size() == 1; }));
    CHECK(soon([&] {
        return link
            .execute("select from ctms_webhooks where held_until > now() + interval '5 minutes'"
                     " or next_attempt_at > now() + interval '29 hours' or old_secret_until > now() + interval '366 days'")
            .empty();
    }));
    if (!is_due) CHECK(receiver.count() == 0);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a failed message is sent again with the same id and content, and a new timestamp is signed") {
    webhook_receiver::answerer failure = answering("500 Internal Server Error");
    std::string outcome = "status";
    SUBCASE("a status") {}
    SUBCASE("a redirect") { failure = answering("302 Found", "Location: http://127.0.0.1:1/\r\n"); }
    SUBCASE("a permanent redirect") { failure = answering("308 Permanent Redirect", "Location: http://127.0.0.1:1/\r\n"); }
    SUBCASE("an unauthorized request") { failure = answering("401 Unauthorized"); }
    SUBCASE("a connection that ends") {
        failure = close_at_once;
        outcome = "connection";
    }
    SUBCASE("no answer") {
        failure = stall;
        outcome = "timeout";
    }
    SUBCASE("an answer that takes too long") {
        failure = drip;
        outcome = "timeout";
    }
    SUBCASE("an answer that is too large") {
        failure = flood;
        outcome = "connection";
    }
    options.timeout = outcome == "timeout" ? 500ms : 10s;
    webhook_receiver receiver(at_first(2, failure));
    const auto secret = add("shop", receiver);
    create(1);
    start();
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    REQUIRE(soon([&] { return is_done("shop"); }));
    const auto all = receiver.messages();
    REQUIRE(all.size() >= 3);
    for (const auto& one : all) {
        CHECK(one.header("webhook-id") == all.front().header("webhook-id"));
        CHECK(one.body == all.front().body);
        CHECK(one.signatures_of(secret) == 1);
    }
    CHECK(outcomes().at(0) == outcome);
    CHECK(outcomes().at(1) == outcome);
    CHECK(outcomes().back() == "delivered");
    const auto hook = find("shop");
    CHECK(hook.failures == 0);
    CHECK(hook.last_failure.empty());
    CHECK(hook.state == webhook_state::enabled);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a message whose content changed has another id, so that a receiver does not ignore it") {
    webhook_receiver receiver(at_first(1, [&](raw_connection&, std::size_t, const received&) {
        write(1, "Jane"); // moves the change behind the others
        return false;
    }));
    add("shop", receiver);
    create(1);
    create(2);
    start();
    REQUIRE(soon([&] { return receiver.known().size() == 2; }));
    std::set<std::string> ids;
    for (const auto& one : receiver.messages()) ids.insert(one.header("webhook-id"));
    CHECK(ids.size() == receiver.count());
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: Retry-After is respected") {
    webhook_receiver receiver(at_first(1, answering("503 Service Unavailable", "Retry-After: 2\r\n")));
    add("shop", receiver);
    create(1);
    start();
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    const auto all = receiver.messages();
    REQUIRE(all.size() == 2);
    CHECK(all[1].when - all[0].when >= 1900ms); // the database's clock and ours may differ a little
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: 410 disables a webhook, which sends everything after it is enabled") {
    webhook_receiver receiver(at_first(1, answering("410 Gone")));
    add("shop", receiver);
    create(1);
    start();
    REQUIRE(soon([&] { return find("shop").state == webhook_state::disabled; }));
    CHECK(find("shop").reason == "the receiver responded with status 410");
    create(2);
    wait_for_feed(); // so that one message holds both changes
    hooks.enable("shop").value();
    REQUIRE(soon([&] { return receiver.known().size() == 2; }));
    CHECK(receiver.count() == 2);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a webhook is parked after all attempts, and a retry sends everything") {
    std::atomic<bool> works{false};
    webhook_receiver receiver([&](raw_connection& peer, std::size_t number, const received& message) {
        return answering(works ? "200 OK" : "500 Internal Server Error")(peer, number, message);
    });
    add("shop", receiver);
    create(1);
    start();
    REQUIRE(soon([&] { return find("shop").state == webhook_state::parked; }));
    CHECK(receiver.count() == options.waits.size() + 1);
    const auto hook = find("shop");
    CHECK(hook.reason == "the receiver responded with status 500");
    CHECK(hook.failures == static_cast<int>(options.waits.size()) + 1);
    create(2);
    works = true;
    strings retried;
    SUBCASE("of all") {
        hooks.retry_all(retried).value();
        CHECK(retried == strings{"shop"});
    }
    SUBCASE("of one") { hooks.enable("shop").value(); }
    REQUIRE(soon([&] { return receiver.known().size() == 2; }));
    CHECK(find("shop").last_failure.empty());
    retried.clear();
    hooks.retry_all(retried).value();
    CHECK(retried.empty());
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: an attempt that was being made when an operator retried the webhook does not undo that") {
    options.waits = {20ms};
    webhook_receiver receiver(at_first(2, [&](raw_connection& peer, std::size_t number, const received& message) {
        if (number == 1) hooks.enable("shop").value(); // its failure would park the webhook
        return answering("500 Internal Server Error")(peer, number, message);
    }));
    add("shop", receiver);
    create(1);
    start();
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    CHECK(receiver.count() == 3);
    REQUIRE(soon([&] { return is_done("shop"); }));
    stop();
    REQUIRE(log.flush(patience));
    CHECK(log_text.find("parked") == std::string::npos);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a failure ends the lease, and counts unless the webhook was enabled after it was claimed") {
    webhook_receiver receiver;
    add("shop", receiver);
    persistence::webhook_repository repository(db);
    persistence::connection link(database.options());
    link.execute("update ctms_webhooks set failures = 2");
    bool counts = true;
    SUBCASE("it was not") {}
    SUBCASE("it was") { counts = false; }
    SUBCASE("it was, and had not failed before") {
        link.execute("update ctms_webhooks set failures = 0");
        counts = false;
    }
    const auto holder = uuid::random();
    const auto claimed = repository.claim(find("shop").id, holder, 60s).value();
    REQUIRE(claimed.has_value());
    if (!counts) hooks.enable("shop").value();
    const persistence::webhook_failure failure{"the receiver responded with status 500", webhook_state::parked, 1h};
    CHECK(repository.fail(claimed->webhook, holder, failure).value() == counts);
    const auto hook = find("shop");
    CHECK_FALSE(hook.is_held);
    CHECK(hook.is_due == !counts);
    CHECK(hook.state == (counts ? webhook_state::parked : webhook_state::enabled));
    CHECK(hook.failures == (counts ? 3 : 0));
    CHECK(hook.last_failure == (counts ? failure.what : ""));
    CHECK(hook.reason == hook.last_failure);
    CHECK((hook.next_attempt_at > now() + 30min) == counts);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a webhook that is enabled from now on leaves out what happened before") {
    webhook_receiver receiver;
    add("shop", receiver);
    hooks.disable("shop").value();
    start();
    create(1);
    persistence::change_feed feed(db);
    REQUIRE(soon([&] { return feed.delay().value() == 0ms; }));
    hooks.enable("shop", true).value();
    create(2);
    REQUIRE(soon([&] { return receiver.known().contains(id_of(2)); }));
    CHECK(receiver.known().size() == 1);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: the usual waits span three days") {
    auto total = 0ms;
    for (const auto wait : service::usual_webhook_waits()) total += wait;
    CHECK(total == 75h + 35min + 5s);
    CHECK(service::usual_webhook_waits().size() == 9);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a host with an address that is not public gets no connection") {
    webhook_receiver receiver;
    hooks.add({.url = receiver.url("localhost"), .name = "shop", .events = {model::change_kind::created}, .allow_http = true}).value();
    create(1);
    start();
    REQUIRE(soon([&] { return find("shop").failures > 0; }));
    CHECK(find("shop").last_failure == "the address is not public");
    CHECK(outcomes().front() == "not_public");
    CHECK(receiver.connections() == 0);
    CHECK(hooks.test("shop").value().text == "the address is not public");
    CHECK(receiver.connections() == 0);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: the certificate of a receiver is verified") {
    const auto good = make_certificate({"127.0.0.1"});
    const auto other = make_certificate({"other.example.com"});
    const temporary_file trusted(good.cert_pem + other.cert_pem);
    ::setenv("SSL_CERT_FILE", trusted.path().c_str(), 1); // NOLINT(concurrency-mt-unsafe): no other thread reads it yet
    webhook_receiver receiver(answering("200 OK"), good);
    webhook_receiver with_other_name(answering("200 OK"), other);
    webhook_receiver unknown(answering("200 OK"), make_certificate({"127.0.0.1"}));
    add("shop", receiver);
    add("other", with_other_name);
    add("unknown", unknown);
    create(1);
    start();
    CHECK(soon([&] { return receiver.changes().size() == 1; }));
    for (const auto* name : {"other", "unknown"}) {
        REQUIRE(soon([&] { return find(name).failures > 0; }));
        CHECK(find(name).last_failure.starts_with("certificate verify failed"));
    }
    CHECK(with_other_name.count() == 0);
    CHECK(unknown.count() == 0);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a dead receiver needs no room, and gets the last state of each contact later") {
    std::atomic<bool> works{false};
    webhook_receiver receiver([&](raw_connection& peer, std::size_t number, const received& message) {
        return works ? answering("200 OK")(peer, number, message) : false;
    });
    options.waits.assign(10'000, 20ms);
    add("shop", receiver);
    start();
    create(1);
    for (int n = 0; n < 50; ++n) write(1, fmt::format("Jane {}", n));
    works = true;
    REQUIRE(soon([&] { return is_done("shop"); }));
    CHECK(receiver.changes().size() <= 2); // the last state, and perhaps the one that was being sent when the receiver came back
    persistence::connection link(database.options());
    CHECK(link.execute("select from ctms_webhooks").size() == 1);
    CHECK(link.execute("select from ctms_changes").size() == 1);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: the log names the webhook and the failure, but no URL, secret or address") {
    webhook_receiver receiver(at_first(1, answering("500 Internal Server Error")));
    const auto secret = add("shop", receiver, {.with_contacts = true});
    create(1);
    start();
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    REQUIRE(soon([&] { return find("shop").failures == 0; }));
    stop();
    REQUIRE(log.flush(patience));
    CAPTURE(log_text);
    CHECK(log_text.find("A webhook could not be delivered") != std::string::npos);
    CHECK(log_text.find(R"("webhook":"shop","error":"the receiver responded with status 500","failures":1)") != std::string::npos);
    const auto trace = read_traceparent(receiver.messages().front().header("traceparent"));
    REQUIRE(trace.has_value());
    CHECK(log_text.find(R"("trace_id":")" + trace->trace_id + "\"") != std::string::npos);
    CHECK(log_text.find("A webhook delivers again") != std::string::npos);
    for (const auto& hidden : {std::string("token=t"), secret, std::string("example.com")})
        CHECK(log_text.find(hidden) == std::string::npos);
}
