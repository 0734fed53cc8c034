// SPDX-License-Identifier: MPL-2.0
// Deliveries to receivers that work: what they get, in which order, and from how many processes.
#include "scene.hpp"

#include <ctms/base/trace_context.hpp>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

namespace {

std::string line(int n, std::string_view change) { return id_of(n) + " " + std::string(change); }

} // namespace

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a receiver gets each change, signed, without personal data") {
    create(1); // before the webhook was added
    webhook_receiver receiver;
    const auto secret = add("shop", receiver);
    start();
    create(2);
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    write(1, "Jane");
    REQUIRE(soon([&] { return receiver.changes().size() == 2; }));
    remove(2);
    REQUIRE(soon([&] { return receiver.changes().size() == 3; }));
    CHECK(receiver.changes() == strings{line(2, "created"), line(1, "updated"), line(2, "deleted")});
    const auto message = receiver.messages().front();
    CAPTURE(message.head);
    CHECK(message.head.starts_with("POST /hooks?token=t HTTP/1.1\r\n"));
    CHECK(message.header("content-type") == "application/json");
    CHECK(message.header("user-agent").starts_with("ctms/"));
    CHECK(read_traceparent(message.header("traceparent")).has_value());
    CHECK(message.header("traceparent").substr(0, 35) != receiver.messages().back().header("traceparent").substr(0, 35));
    CHECK(message.header("webhook-id").starts_with("msg_"));
    CHECK(message.header("webhook-id").find('.') == std::string::npos);
    CHECK(message.signatures_of(secret) == 1);
    CHECK(message.header("webhook-signature").find(' ') == std::string::npos);
    const auto sent_at = std::chrono::seconds(std::stoll(message.header("webhook-timestamp")));
    CHECK(std::chrono::abs(now().time_since_epoch() - sent_at) < patience * 2);
    const auto body = message.json();
    CHECK(body.at("type").as_string() == "contacts.changed");
    const auto& change = body.at("data").at("changes").as_array().at(0);
    CHECK(change.at("time") == body.at("timestamp"));
    CHECK(change.as_object().contains("cursor"));
    for (const auto& one : receiver.messages()) CHECK(one.body.find('@') == std::string::npos);
    const auto hook = find("shop");
    CHECK(hook.delivered_at.has_value());
    CHECK(hook.failures == 0);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a receiver gets the contacts if the webhook includes them") {
    webhook_receiver receiver;
    add("shop", receiver, {.with_contacts = true});
    create(1);
    create(2);
    remove(2);
    start();
    REQUIRE(soon([&] { return receiver.changes().size() == 2; }));
    const auto all = receiver.messages().front().json().at("data").at("changes").as_array();
    CHECK(all.at(0).at("contact").at("email").at("primary_email").as_string() == "contact1@example.com");
    CHECK(all.at(1).at("change").as_string() == "deleted");
    CHECK_FALSE(all.at(1).as_object().contains("contact"));
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a receiver gets only the kinds of changes that were chosen") {
    webhook_receiver receiver;
    add("shop", receiver, {.events = {model::change_kind::deleted}});
    start();
    for (int n = 1; n <= 120; ++n) create(n);
    write(1, "Jane");
    remove(7);
    remove(9);
    REQUIRE(soon([&] { return receiver.changes().size() == 2; }));
    REQUIRE(soon([&] { return is_done("shop"); }));
    CHECK(receiver.changes() == strings{line(7, "deleted"), line(9, "deleted")});
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a receiver of creations gets a contact that was created before a place that it has passed") {
    webhook_receiver receiver;
    add("shop", receiver, {.events = {model::change_kind::created, model::change_kind::deleted}});
    create(1);
    create(2);
    persistence::connection link(database.options());
    link.begin(); // holds back the feed before the next change, which takes the first contact out of the pages until the end
    link.execute("select pg_current_xact_id()");
    write(1, "Jane");
    delivery = std::make_unique<service::webhook_delivery>(db, log, options);
    REQUIRE(soon([&] { return receiver.changes() == strings{line(2, "created")}; }));
    link.commit();
    REQUIRE(soon([&] { return receiver.changes().size() == 2; }));
    CHECK(receiver.changes().back() == line(1, "updated"));
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a receiver of updates gets a contact that was created and then changed") {
    webhook_receiver receiver;
    add("shop", receiver, {.events = {model::change_kind::updated}});
    create(1);
    write(1, "Jane");
    start();
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    CHECK(receiver.changes() == strings{line(1, "created")});
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: many changes share a message") {
    webhook_receiver receiver;
    add("shop", receiver);
    for (int n = 1; n <= 120; ++n) create(n);
    start();
    REQUIRE(soon([&] { return receiver.changes().size() == 120; }));
    const auto messages = receiver.messages();
    CHECK(messages.size() == 3);
    CHECK(messages.front().body.size() < 20'000); // as the specification recommends
    CHECK(receiver.connections() == 1);
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: nothing is missed beside writers and failures, and each contact's changes come in order") {
    std::minstd_rand random{7};
    std::mutex mutex;
    const auto unreliable = [&](raw_connection& peer, std::size_t, const received&) {
        const std::lock_guard lock(mutex);
        const auto what = random() % 4;
        if (what == 0) return false; // closes without an answer
        peer.send(answer_text("", {}, what == 1 ? "500 Internal Server Error" : "200 OK"));
        return what > 1;
    };
    webhook_receiver receiver(unreliable);
    options.waits.assign(100, 5ms);
    add("shop", receiver);
    start();
    constexpr int writers = 4;
    constexpr int each = 25;
    std::vector<std::jthread> threads;
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([this, writer] {
            for (int n = writer * each; n < (writer + 1) * each; ++n) {
                create(n);
                write(n, "changed");
                if (n % 5 == 0) remove(n);
                if (n % 10 == 0) create(n);
            }
        });
    }
    threads.clear();
    REQUIRE(soon([&] { return receiver.known().size() == std::size_t{writers * each} && is_done("shop"); }));
    for (const auto& one : receiver.known()) {
        CAPTURE(one.first);
        const int n = std::stoi(one.first.substr(one.first.size() - 6));
        CHECK((one.second == "deleted") == (n % 5 == 0 && n % 10 != 0));
    }
    std::map<std::string, std::string> latest; // the cursors grow with the feed: their times show that no older state comes later
    for (const auto& message : receiver.messages()) {
        const auto body = message.json();
        for (const auto& one : body.at("data").at("changes").as_array()) {
            const std::string time(one.at("time").as_string());
            auto& last = latest[std::string(one.at("email_id").as_string())];
            CHECK(last <= time);
            last = time;
        }
    }
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: several processes do not deliver to the same webhook at the same time") {
    const auto slow = [](raw_connection& peer, std::size_t, const received&) {
        std::this_thread::sleep_for(5ms);
        peer.send(answer_text(""));
        return true;
    };
    webhook_receiver receiver(slow);
    add("shop", receiver);
    std::vector<std::unique_ptr<persistence::database>> databases;
    std::vector<std::unique_ptr<service::webhook_delivery>> processes;
    for (int n = 0; n < 3; ++n) {
        databases.push_back(std::make_unique<persistence::database>(database.options()));
        processes.push_back(std::make_unique<service::webhook_delivery>(*databases.back(), log, options));
    }
    for (int n = 1; n <= 100; ++n) create(n);
    REQUIRE(soon([&] { return receiver.known().size() == 100 && is_done("shop"); }));
    CHECK(receiver.most_at_once() == 1);
    CHECK(receiver.changes().size() == 100); // none came twice
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a slow receiver does not delay others") {
    std::atomic<bool> released{false};
    const auto slow = [&](raw_connection& peer, std::size_t, const received&) {
        (void)becomes_true([&] { return released.load(); }, patience);
        peer.send(answer_text(""));
        return true;
    };
    webhook_receiver stuck(slow);
    webhook_receiver receiver;
    options.timeout = patience;
    add("stuck", stuck);
    add("shop", receiver);
    start();
    create(1);
    REQUIRE(soon([&] { return stuck.count() == 1; }));
    create(2);
    REQUIRE(soon([&] { return receiver.known().size() == 2; }));
    CHECK(stuck.changes().empty());
    released = true;
    CHECK(soon([&] { return stuck.known().size() == 2; }));
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a receiver is told that changes are lost after the database was restored") {
    webhook_receiver receiver;
    const auto secret = add("shop", receiver);
    create(1);
    persistence::connection link(database.options());
    link.execute("update ctms_changes_state set epoch = gen_random_uuid()");
    start();
    REQUIRE(soon([&] { return receiver.count() == 1; }));
    const auto message = receiver.messages().front();
    CHECK(message.json().at("type").as_string() == "contacts.changes_lost");
    CHECK(message.json().at("data").at("reason").as_string() == "the database was restored, or a standby took over");
    CHECK(message.signatures_of(secret) == 1);
    create(2);
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    CHECK(receiver.changes() == strings{line(2, "created")});
    CHECK(find("shop").lost.empty());
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a receiver is told that changes are lost after deletions were forgotten") {
    webhook_receiver receiver;
    add("shop", receiver);
    create(1);
    remove(1);
    persistence::change_feed feed(db);
    REQUIRE(soon([&] { return feed.forget_deletions(0s, 10).value() == 1; }));
    start();
    REQUIRE(soon([&] { return receiver.count() == 1; }));
    CHECK(receiver.messages().front().json().at("data").at("reason").as_string() ==
          "deletions after the last delivered change are not known any more");
}

TEST_CASE_FIXTURE(webhook_scene,
                  "webhooks: after a dump was restored into another cluster, a receiver is told once that changes are lost") {
    webhook_receiver receiver;
    add("shop", receiver);
    create(1);
    wait_for_feed();
    persistence::connection link(database.options());
    // Ids of the old cluster, which are in the future here.
    link.execute(
        "insert into ctms_changes (email_id, xid, changed_at) values (gen_random_uuid(), '900000000002', now() - interval '1 hour');"
        " update ctms_changes_state set forgotten_xid = '900000000000'; update ctms_webhooks set xid = '900000000001'");
    CHECK(find("shop").lag == 0s);
    delivery = std::make_unique<service::webhook_delivery>(db, log, options);
    REQUIRE(soon([&] { return receiver.count() == 1; }));
    CHECK(receiver.messages().front().json().at("type").as_string() == "contacts.changes_lost");
    create(2);
    REQUIRE(soon([&] { return receiver.changes().size() == 1; }));
    CHECK(receiver.changes() == strings{line(2, "created")});
    CHECK(receiver.count() == 2);
    CHECK(soon([&] { return find("shop").lag == 0s; }));
}

TEST_CASE_FIXTURE(webhook_scene, "webhooks: a copy of a database does not deliver until an operator says so") {
    webhook_receiver receiver;
    add("shop", receiver);
    create(1);
    persistence::connection(database.options()).execute("update ctms_webhooks set system_identifier = system_identifier - 1");
    start();
    REQUIRE(soon([&] { return find("shop").state == model::webhook_state::parked; }));
    CHECK(find("shop").reason.find("copy") != std::string::npos);
    CHECK(receiver.count() == 0);
    hooks.enable("shop").value();
    CHECK(soon([&] { return receiver.changes().size() == 1; }));
}
