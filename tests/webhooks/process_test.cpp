// SPDX-License-Identifier: MPL-2.0
// ctms-sync delivers to webhooks: with and without the sync, killed, stopped, and with metrics.
#include "receiver.hpp"

#include <support/becomes_true.hpp>
#include <support/http_client.hpp>
#include <support/sync_scene.hpp>

#include <ctms/service/webhooks.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <thread>

using namespace ctms::test;
using namespace ctms;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds patience{60}; // transactions of other tests delay the feed

template <class Condition>
bool soon(const Condition& condition) {
    return becomes_true(condition, patience);
}

struct webhook_process_scene : sync_scene {
    std::string add(const std::string& name, const webhook_receiver& receiver) {
        return hooks
            .add({.url = receiver.url(),
                  .name = name,
                  .events = {model::change_kind::created, model::change_kind::updated, model::change_kind::deleted},
                  .allow_http = true,
                  .allow_private_address = true})
            .value()
            .secret;
    }

    service::webhooks hooks{pool};
};

} // namespace

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: changes are delivered beside the sync") {
    webhook_receiver receiver;
    const auto secret = add("shop", receiver);
    child_process program(CTMS_SYNC, variables());
    add_contacts(1, 5);
    CHECK(soon([&] { return receiver.known().size() == 5; }));
    CHECK(soon([&] { return vendor.contacts().size() == 5; }));
    CHECK(receiver.messages().front().signatures_of(secret) == 1);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: changes are delivered while the queue is emptied without sending") {
    webhook_receiver receiver;
    add("shop", receiver);
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG", "false"}}));
    add_contacts(1, 3);
    CHECK(soon([&] { return receiver.known().size() == 3; }));
    CHECK(soon([&] { return queued() == 0; }));
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: with the sync paused, CTMS_WEBHOOKS delivers and the queue stays") {
    webhook_receiver receiver;
    add("shop", receiver);
    add_contacts(1, 3);
    const environment only{{"CTMS_DB_URL", database.url(persistence::program_account::sync)},
                           {"CTMS_ACOUSTIC_SYNC_PAUSED", "true"},
                           {"CTMS_WEBHOOKS", "true"}};
    child_process program(CTMS_SYNC, only);
    CHECK(soon([&] { return receiver.known().size() == 3; }));
    REQUIRE(program.logs("sync_service cycle complete", 2, patience));
    CHECK(queued() == 3);
    CHECK(vendor.contacts().empty());
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: with the sync switched off, CTMS_WEBHOOKS delivers and the queue is emptied") {
    webhook_receiver receiver;
    add("shop", receiver);
    add_contacts(1, 3);
    child_process program(CTMS_SYNC, {{"CTMS_DB_URL", database.url(persistence::program_account::sync)},
                                      {"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "false"},
                                      {"CTMS_WEBHOOKS", "true"}});
    CHECK(soon([&] { return receiver.known().size() == 3; }));
    CHECK(soon([&] { return queued() == 0; }));
    CHECK(vendor.contacts().empty());
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: CTMS_WEBHOOKS=false leaves webhooks to other processes") {
    webhook_receiver receiver;
    add("shop", receiver);
    child_process program(CTMS_SYNC, variables({{"CTMS_WEBHOOKS", "false"}}));
    add_contacts(1, 1);
    REQUIRE(soon([&] { return vendor.contacts().size() == 1; }));
    REQUIRE(program.logs("sync_service cycle complete", 2, patience));
    CHECK(receiver.count() == 0);
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: after a kill in the middle of a message, another process delivers everything") {
    std::atomic<bool> held{true};
    webhook_receiver receiver([&](raw_connection& peer, std::size_t, const received&) {
        (void)becomes_true([&] { return !held; }, patience);
        peer.send(answer_text(""));
        return true;
    });
    add("shop", receiver);
    const auto settings = variables({{"CTMS_WEBHOOK_TIMEOUT_S", "3"}}); // a lease of 10 seconds
    add_contacts(1, 3);
    {
        child_process first(CTMS_SYNC, settings);
        REQUIRE(soon([&] { return receiver.count() == 1; }));
        first.signal(SIGKILL);
        (void)first.wait();
    }
    CHECK(value("select held_until > now() from ctms_webhooks") == "t");
    held = false;
    child_process second(CTMS_SYNC, settings);
    add_contacts(4, 6);
    CHECK(soon([&] { return receiver.known().size() == 6; }));
    CHECK(soon([&] { return value("select count(*) from ctms_webhooks where holder is not null") == "0"; }));
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: SIGTERM waits for the message that is being sent") {
    webhook_receiver receiver([](raw_connection& peer, std::size_t, const received&) {
        std::this_thread::sleep_for(1s);
        peer.send(answer_text(""));
        return true;
    });
    add("shop", receiver);
    add_contacts(1, 1);
    child_process program(CTMS_SYNC, variables());
    REQUIRE(soon([&] { return receiver.count() == 1; }));
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
    CHECK(receiver.known().size() == 1);
    CHECK(value("select holder is null and delivered_at is not null from ctms_webhooks") == "t");
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: SIGTERM stops webhooks at once, and not after the calls of the sync") {
    vendor.set_latency(4s);
    webhook_receiver receiver([](raw_connection& peer, std::size_t, const received&) {
        std::this_thread::sleep_for(500ms);
        peer.send(answer_text(""));
        return true;
    });
    add("shop", receiver);
    child_process program(CTMS_SYNC, variables());
    const std::jthread writer([&](const std::stop_token& stop) { // so that there is always something to deliver
        persistence::database own(database.options());
        persistence::contact_repository others(own);
        for (int n = 1; !stop.stop_requested(); ++n) {
            (void)others.create(numbered_contact(n));
            std::this_thread::sleep_for(10ms);
        }
    });
    // Ten calls have just begun.
    REQUIRE(
        soon([&] { return receiver.count() >= 2 && vendor.counts().calls["AddRecipient"] % 10 == 0 && vendor.contacts().size() >= 10; }));
    const auto so_far = receiver.count();
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
    CHECK(receiver.count() <= so_far + 2); // one that had begun, and one that was just beginning
    CHECK(value("select count(*) from ctms_webhooks where holder is not null") == "0");
}

TEST_CASE_FIXTURE(webhook_process_scene, "webhook process: a receiver that does not answer does not delay the sync") {
    webhook_receiver stuck([](raw_connection& peer, std::size_t, const received&) {
        peer.stall();
        return false;
    });
    for (int n = 0; n < 10; ++n) add("stuck" + std::to_string(n), stuck);
    add_contacts(1, 1);
    child_process program(CTMS_SYNC, variables());
    REQUIRE(soon([&] { return stuck.count() == 10; }));
    add_contacts(2, 5);
    CHECK(soon([&] { return vendor.contacts().size() == 5; }));
}

TEST_CASE_FIXTURE(webhook_process_scene,
                  "webhook process: the metrics show deliveries, failures and parked webhooks, until a webhook is deleted") {
    webhook_receiver receiver;
    webhook_receiver broken(answering("500 Internal Server Error"));
    add("shop", receiver);
    add("broken", broken);
    child_process program(CTMS_SYNC, variables({{"CTMS_BACKGROUND_METRICS_PORT", "0"}}));
    REQUIRE(program.logs("Listening for metrics requests"));
    const auto port = program.fields_of("Listening for metrics requests").front().at("port").to_number<std::uint16_t>();
    add_contacts(1, 2);
    const auto shows = [&](const std::string& name, const std::string& labels, const std::string& value) {
        const auto text = ask(port, "GET", "/metrics").body;
        for (std::size_t at = text.find("\n" + name + "{"); at != std::string::npos; at = text.find("\n" + name + "{", at + 1)) {
            const auto line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
            if (line.find(labels) != std::string::npos && line.ends_with("} " + value)) return true;
        }
        return false;
    };
    CHECK(soon([&] { return shows("ctms_webhook_changes_total", R"(webhook="shop")", "2"); }));
    CHECK(soon([&] { return shows("ctms_webhook_lag_seconds", R"(webhook="shop")", "0"); }));
    CHECK(shows("ctms_webhook_deliveries_total", R"(outcome="timeout",webhook="shop")", "0"));
    CHECK(soon([&] { return shows("ctms_webhook_deliveries_total", R"(outcome="status",webhook="broken")", "1"); }));
    CHECK(shows("ctms_webhook_duration_seconds_count", R"(webhook="broken")", "1"));
    CHECK(shows("ctms_webhook_parked", R"(webhook="broken")", "0"));
    link.execute("update ctms_webhooks set state = 'parked' where name = 'broken'");
    CHECK(soon([&] { return shows("ctms_webhook_parked", R"(webhook="broken")", "1"); }));
    hooks.remove("broken").value();
    CHECK(soon([&] { return ask(port, "GET", "/metrics").body.find("broken") == std::string::npos; }));
    hooks.disable("shop").value();
    CHECK(soon([&] { return ask(port, "GET", "/metrics").body.find("ctms_webhook_lag_seconds{") == std::string::npos; }));
}
