// SPDX-License-Identifier: MPL-2.0
// Webhooks as operators manage them: what is refused, and the secrets.
#include "scene.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <sstream>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;
using model::change_kind;

namespace {

service::new_webhook to(std::string url, std::string name = "shop") {
    return {.url = std::move(url), .name = std::move(name), .events = {change_kind::created}};
}

} // namespace

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a URL that cannot be used is refused with the reason") {
    const std::vector<std::pair<std::string, std::string>> wrong{{"http://example.com/hook", "must begin with https://"},
                                                                 {"ftp://example.com/", "must start with http"},
                                                                 {"example.com", "cannot be parsed"},
                                                                 {"https://", "no host"},
                                                                 {"https://user:password@example.com/", "user information"},
                                                                 {"https://example.com/#part", "fragment"},
                                                                 {"https://example.com/a b", "blank"},
                                                                 {"https://example.com/\n", "blank"},
                                                                 {"https://example.com/\xC3\xA4", "outside ASCII"},
                                                                 {"https://127.0.0.1/", "not public"},
                                                                 {"https://[::1]:8443/", "not public"},
                                                                 {"https://[::ffff:10.0.0.1]/", "not public"},
                                                                 {"https://169.254.169.254/latest", "not public"},
                                                                 {"https://example.com/" + std::string(2'000, 'x'), "2000"}};
    for (const auto& one : wrong) {
        CAPTURE(one.first);
        const auto added = hooks.add(to(one.first));
        CHECK(added.error().code == errc::invalid);
        CHECK(added.error().message.find(one.second) != std::string::npos);
        CHECK(added.error().message.find("password") == std::string::npos);
    }
    CHECK(hooks.list().value().empty());
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: names are checked, unique, and taken from the host if there are none") {
    CHECK(hooks.add(to("https://hooks.example.com:8443/x?token=t", "")).value().webhook.name == "hooks.example.com");
    CHECK(hooks.add(to("https://hooks.example.com/", "")).error().code == errc::conflict);
    for (const auto& name : {std::string("a b"), std::string("a/b"), std::string("\xC3\xA4"), std::string(65, 'a')}) {
        CAPTURE(name);
        CHECK(hooks.add(to("https://example.com/", name)).error().code == errc::invalid);
    }
    auto without_events = to("https://example.com/", "other");
    without_events.events.clear();
    CHECK(hooks.add(without_events).error().code == errc::invalid);
    for (const auto& name : {std::string("other"), std::string("a\0b", 3), std::string("\xFF")}) {
        CHECK(hooks.find(name).error().code == errc::not_found);
        CHECK(hooks.disable(name).error().code == errc::not_found);
        CHECK(hooks.enable(name).error().code == errc::not_found);
        CHECK(hooks.remove(name).error().code == errc::not_found);
        CHECK(hooks.rotate_secret(name).error().code == errc::not_found);
        CHECK(hooks.test(name).error().code == errc::not_found);
    }
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: there can be only a limited number") {
    for (int n = 0; n < service::most_webhooks; ++n) hooks.add(to("https://example.com/", fmt::format("w{}", n))).value();
    CHECK(hooks.add(to("https://example.com/", "one-more")).error().code == errc::conflict);
    hooks.remove("w7").value();
    CHECK(hooks.add(to("https://example.com/", "one-more")).has_value());
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: secrets have the form of the specification and are not the same twice") {
    const auto first = hooks.add(to("https://example.com/", "a")).value().secret;
    const auto second = hooks.add(to("https://example.com/", "b")).value().secret;
    CHECK(first.starts_with("whsec_"));
    CHECK(first.size() == 6 + 44); // 32 bytes
    CHECK(first != second);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: during a rotation both secrets sign, afterwards only the new one") {
    webhook_receiver receiver;
    const auto old = add("shop", receiver);
    const auto rotated = hooks.rotate_secret("shop", 1h).value();
    CHECK(rotated.secret != old);
    CHECK(rotated.webhook.old_secret_until.has_value());
    CHECK(hooks.test("shop").value().delivered);
    auto message = receiver.messages().back();
    CHECK(message.json().at("type").as_string() == "webhook.test");
    CHECK(message.signatures_of(old) == 1);
    CHECK(message.signatures_of(rotated.secret) == 1);
    std::istringstream words(message.header("webhook-signature"));
    std::string first;
    words >> first;
    SUBCASE("the time is over") {
        persistence::connection(database.options()).execute("update ctms_webhooks set old_secret_until = now() - interval '1 second'");
    }
    SUBCASE("another rotation ends it") { hooks.rotate_secret("shop", 0s, {}, true).value(); }
    CHECK(hooks.test("shop").value().delivered);
    message = receiver.messages().back();
    CHECK(message.signatures_of(old) == 0);
    CHECK(message.header("webhook-signature").find(' ') == std::string::npos);
    CHECK_FALSE(find("shop").old_secret_until.has_value());
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: the end of a replaced secret is known before it is stored") {
    webhook_receiver receiver;
    add("shop", receiver);
    std::optional<timestamp> shown;
    const auto note = [&](const service::webhook_secret& made) {
        shown = made.webhook.old_secret_until;
        return true;
    };
    hooks.rotate_secret("shop", 1h, note).value();
    REQUIRE(shown.has_value());
    CHECK(shown == find("shop").old_secret_until);
    hooks.rotate_secret("shop", 0s, note, true).value();
    CHECK_FALSE(shown.has_value());
    CHECK_FALSE(find("shop").old_secret_until.has_value());
}

// The message is read for longer than a replaced secret may still sign.
TEST_CASE_FIXTURE(webhook_scene, "webhooks: a message that takes long to read is not signed with a secret that was replaced meanwhile") {
    webhook_receiver receiver;
    const auto old = add("shop", receiver, {.with_contacts = true});
    create(1);
    wait_for_feed();
    persistence::connection link(database.options());
    link.execute("create table test_pause as select 11 as seconds; create or replace function ctms_noted(wanted uuid[]) returns uuid[]"
                 " language plpgsql stable as $$ begin perform pg_sleep(seconds) from test_pause; return '{}'; end $$");
    options.timeout = 15s; // so that the lease is longer than the pause
    auto patient = database.options();
    patient.statement_timeout = patience;
    persistence::database slow(patient);
    auto delivering = std::make_unique<service::webhook_delivery>(slow, log, options);
    REQUIRE(soon([&] {
        return !link.execute("select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'").empty();
    }));
    link.execute("update test_pause set seconds = 0");
    const auto rotated = hooks.rotate_secret("shop").value().secret;
    REQUIRE(soon([&] { return receiver.count() > 0; }));
    CHECK(receiver.messages().front().signatures_of(old) == 0);
    CHECK(receiver.messages().front().signatures_of(rotated) == 1);
    delivering.reset();
    REQUIRE(log.flush(patience));
    CHECK(log_text.find("reading the changes took too long") != std::string::npos);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a second rotation is refused while a replaced secret still signs") {
    webhook_receiver receiver;
    const auto first = add("shop", receiver);
    const auto second = hooks.rotate_secret("shop", 1h).value().secret;
    bool was_shown = false;
    for (const auto keep : {0s, 60s}) {
        const auto refused = hooks.rotate_secret("shop", keep, [&](const auto&) { return was_shown = true; });
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == errc::conflict);
        CHECK(refused.error().message.find("valid until " + to_iso(*find("shop").old_secret_until)) != std::string::npos);
    }
    CHECK_FALSE(was_shown);
    CHECK(hooks.test("shop").value().delivered);
    for (const auto& secret : {first, second}) CHECK(receiver.messages().back().signatures_of(secret) == 1);
    SUBCASE("it is allowed when the time is over") {
        persistence::connection(database.options()).execute("update ctms_webhooks set old_secret_until = now() - interval '1 second'");
        CHECK(hooks.rotate_secret("shop", 1h).has_value());
    }
    SUBCASE("it is allowed to an operator who ends the time") { CHECK(hooks.rotate_secret("shop", 1h, {}, true).has_value()); }
    CHECK(hooks.test("shop").value().delivered);
    CHECK(receiver.messages().back().signatures_of(first) == 0);
    CHECK(receiver.messages().back().signatures_of(second) == 1);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: two rotations at the same time do not both succeed") {
    webhook_receiver receiver;
    add("shop", receiver);
    const auto outer = hooks.rotate_secret("shop", 1h, [&](const auto&) { return hooks.rotate_secret("shop", 1h).has_value(); });
    REQUIRE_FALSE(outer.has_value());
    CHECK(outer.error().code == errc::conflict);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a new secret that could not be shown does not replace the old one") {
    webhook_receiver receiver;
    const auto old = add("shop", receiver);
    CHECK(hooks.rotate_secret("shop", 1h, [](const auto&) { return false; }).error().code == errc::unavailable);
    CHECK(hooks.rotate_secret("shop", -1s).error().code == errc::invalid);
    CHECK(hooks.test("shop").value().delivered);
    CHECK(receiver.messages().back().signatures_of(old) == 1);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a deleted webhook delivers nothing more") {
    webhook_receiver receiver;
    add("shop", receiver);
    webhook_receiver other;
    add("other", other);
    hooks.remove("shop").value();
    create(1);
    start();
    REQUIRE(soon([&] { return other.changes().size() == 1; }));
    CHECK(receiver.count() == 0);
    CHECK(hooks.list().value().size() == 1);
}
