// SPDX-License-Identifier: MPL-2.0
// Several workers on one queue: leases, order and priorities.
#include "sync_fixture.hpp"

#include <pugixml.hpp>

#include <algorithm>
#include <atomic>
#include <map>

using namespace ctms;
using namespace std::chrono_literals;
using test::becomes_true;
using test::sync_fixture;
using kind = test::fake_fault::kind;
using clock_type = std::chrono::steady_clock;

namespace {

/// Runs cycles of a worker until `done()`. False after a minute.
bool work(service::sync& sync, const std::function<bool()>& done) {
    const auto deadline = clock_type::now() + 60s;
    while (!done()) {
        if (clock_type::now() > deadline) return false;
        const auto report = sync.run_cycle();
        if (!report || report->total == 0) std::this_thread::sleep_for(3ms);
    }
    return true;
}

/// The first names that the vendor received for each contact, in the order of the calls.
std::map<std::string, std::vector<int>> sent_numbers(const std::vector<std::string>& calls) {
    std::map<std::string, std::vector<int>> out;
    for (const auto& call : calls) {
        pugi::xml_document document;
        document.load_string(call.c_str());
        const auto add = document.child("Envelope").child("Body").child("AddRecipient");
        if (!add) continue;
        const auto id = add.child("SYNC_FIELDS").child("SYNC_FIELD").child_value("VALUE");
        for (const auto column : add.children("COLUMN")) {
            if (std::string_view(column.child_value("NAME")) == "first_name") out[id].push_back(std::stoi(column.child_value("VALUE")));
        }
    }
    return out;
}

} // namespace

TEST_CASE_FIXTURE(sync_fixture, "sync: with two workers and many writers nothing is lost, overtaken or sent twice at the same time") {
    constexpr int contacts = 3;
    add(1, contacts);
    for (int n = 1; n <= contacts; ++n) write(n, "0");
    vendor.set_latency(60ms);
    const auto first = make_worker();
    const auto second = make_worker();
    std::atomic<int> writing = 3;
    std::vector<std::thread> threads;
    // One writer per contact, which counts up in the first name.
    for (int n = 1; n <= contacts; ++n) {
        threads.emplace_back([this, n, &writing] {
            for (int number = 1; number <= 300; ++number) write(n, std::to_string(number));
            --writing;
        });
    }
    std::atomic<int> good = 0;
    for (auto* worker : {first.get(), second.get()}) {
        threads.emplace_back([&, worker] {
            persistence::sync_queue_repository own(pool);
            const auto done = [&] { return writing == 0 && own.count().value().backlog == 0; };
            if (work(worker->sync, done)) ++good;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(good == 2);
    CHECK(difference().empty());
    CHECK(vendor.counts().overlapping == 0);
    CHECK(vendor.counts().refused_as_too_many == 0);
    const auto sent = sent_numbers(vendor.last_calls());
    CHECK(sent.size() == contacts);
    for (const auto& [id, numbers] : sent) {
        CHECK(std::is_sorted(numbers.begin(), numbers.end()));
        CHECK(numbers.back() == 300);
    }
}

TEST_CASE_FIXTURE(sync_fixture, "sync: two workers share the calls that the vendor allows") {
    options.batch_limit = 12;
    add(1, 80);
    vendor.set_latency(20ms);
    const auto first = make_worker();
    const auto second = make_worker();
    std::atomic<int> good = 0;
    {
        std::vector<std::jthread> threads;
        for (auto* worker : {first.get(), second.get()}) {
            threads.emplace_back([&, worker] {
                const auto done = [&] { return queue.count().value().backlog == 0; };
                if (work(worker->sync, done)) ++good;
            });
        }
    }
    CHECK(good == 2);
    CHECK(difference().empty());
    const auto counts = vendor.counts();
    CHECK(counts.refused_as_too_many == 0);
    CHECK(counts.most_at_once <= 10);
    CHECK(counts.overlapping == 0);
    CHECK(vendor.writes_by_contact().size() == 80);
    for (const auto& [id, writes] : vendor.writes_by_contact()) CHECK(writes == 1);
}

TEST_CASE_FIXTURE(sync_fixture, "sync: the claims of a lost worker are available again when its lease ends") {
    add(1, 3);
    const auto lost = uuid::random();
    REQUIRE(queue.claim(lost, 10, 3s).value().size() == 3);
    const auto start = clock_type::now();
    CHECK(cycle().total == 0);
    CHECK(run_until_idle());
    CHECK(clock_type::now() - start > 2s);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: writes are sent before a bulk resync") {
    options.batch_limit = 5;
    add(1, 40);
    REQUIRE(run_until_idle());
    REQUIRE(queue.request_resync({}, std::nullopt, 100).has_value());
    CHECK(waiting() == 40);
    cycle();
    write(40, "urgent");
    add(41, 41);
    cycle();
    CHECK(vendor_name(40) == "urgent");
    CHECK(vendor_name(41) == "name41");
    CHECK(waiting() > 20);
    CHECK(run_until_idle());
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a contact that is written continuously is sent in its last state, in few calls") {
    add(1, 1);
    vendor.set_latency(50ms);
    std::atomic<bool> writing = true;
    std::jthread writer([&] {
        for (int n = 1; n <= 1000; ++n) write(1, std::to_string(n));
        writing = false;
    });
    auto& worker = sync();
    const auto start = clock_type::now();
    CHECK(work(worker, [&] { return !writing && waiting() == 0; }));
    CHECK(vendor_name(1) == "1000");
    CHECK(difference().empty());
    CHECK(vendor.counts().overlapping == 0);
    CHECK(calls("AddRecipient") <= (clock_type::now() - start) / 50ms + 1); // one after another, however often it is written
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a pipeline keeps all connections busy, fills its calls with rows, and reports cycles") {
    options.gather = 10s;
    warm_up();
    add(1, 200, {"app-dev", "common-voice", "firefox-news"});
    vendor.set_latency(100ms);
    std::vector<service::cycle_report> cycles;
    const auto last = sync().run_while_due({}, [&](const auto& one) { cycles.push_back(one); });
    REQUIRE(last.has_value());
    CHECK(last->total == 0);
    REQUIRE(cycles.size() == 10);
    for (const auto& one : cycles) {
        CHECK(one.total == 20);
        CHECK(one.synced == 20);
        CHECK(one.full);
    }
    CHECK(cycles.front().sync_backlog == 200);
    CHECK(cycles.back().sync_backlog <= 40);
    CHECK(difference().empty());
    const auto counts = vendor.counts();
    CHECK(counts.most_at_once == 10);
    CHECK(counts.refused_as_too_many == 0);
    CHECK(counts.oversized == 0);
    CHECK(counts.overlapping == 0);
    CHECK(calls("InsertUpdateRelationalTable") <= 12); // 7 if every call is full; a machine that stalls for a second costs one
    CHECK(value("select count(*) from ctms_vendor_slots where holder is not null") == "0");
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a write overtakes a resync that is under way") {
    add(1, 300, {});
    REQUIRE(run_until_idle());
    REQUIRE(queue.request_resync({}, std::nullopt, 1000).has_value());
    vendor.set_latency(200ms); // the resync takes six seconds
    const auto before = calls();
    std::stop_source stop;
    auto& worker = sync();
    std::jthread running([&] { (void)worker.run_while_due(stop.get_token(), {}); });
    REQUIRE(becomes_true([&] { return calls() > before + 20; }));
    write(300, "urgent");
    const auto at = calls();
    REQUIRE(becomes_true([&] { return vendor_name(300) == "urgent"; }));
    CHECK(calls() - at <= 100); // 20 to 40; 280 if it had to wait for its turn
    stop.request_stop();
    running.join();
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a worker with all slots gives half of them to one that waits") {
    add(1, 400, {});
    vendor.set_latency(250ms); // the first worker has work for many seconds
    const auto first = make_worker();
    const auto second = make_worker();
    std::stop_source stop;
    std::jthread running([&] { (void)first->sync.run_while_due(stop.get_token(), {}); });
    const auto slots = "select count(*) from ctms_vendor_slots where slot > 0 and holder is not null";
    REQUIRE(becomes_true([&] { return value(slots) == "10"; }));
    int done = 0;
    CHECK(becomes_true([&] {
        const auto report = second->sync.run_cycle();
        if (report) done += report->total;
        return done > 0;
    }));
    stop.request_stop();
    running.join();
    CHECK(vendor.counts().refused_as_too_many == 0);
    CHECK(vendor.counts().overlapping == 0);
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK(difference().empty());
}
