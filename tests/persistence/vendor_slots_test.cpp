// SPDX-License-Identifier: MPL-2.0
#include <support/queue_database.hpp>

#include <persistence/sync/vendor_slots.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

using namespace std::chrono_literals;
using ctms::uuid;
using ctms::persistence::vendor_slots;
using ctms::test::queue_database;

namespace {

const uuid worker_a = uuid::random();
const uuid worker_b = uuid::random();
const uuid worker_c = uuid::random();

} // namespace

TEST_CASE("workers share the slots, and none gets more than are free") {
    queue_database db;
    vendor_slots slots(db.pool, 5);
    CHECK(slots.take(worker_a, 2, 60s).value() == 2);
    CHECK(slots.take(worker_b, 2, 60s).value() == 2);
    CHECK(slots.take(worker_c, 2, 60s).value() == 1);
    CHECK(slots.take(worker_a, 5, 60s).value() == 2);
    CHECK(slots.take(worker_b, 2, 60s).value() == 2);
    CHECK(slots.take(worker_a, 0, 60s).value() == 0); // asks for none: keeps none that count
    CHECK(db.rows_of("ctms_vendor_slots") == 5);
}

TEST_CASE("no worker has more slots than exist") {
    queue_database db;
    CHECK(vendor_slots(db.pool, 3).take(worker_a, 99, 60s).value() == 3);
    CHECK(vendor_slots(db.pool, 0).take(worker_b, 1, 60s).value() == 0);
    CHECK(vendor_slots(db.pool, 3).take(worker_b, -1, 60s).value() == 0);
}

TEST_CASE("returned slots are free, and those of other workers are not") {
    queue_database db;
    vendor_slots slots(db.pool, 4);
    CHECK(slots.take(worker_a, 2, 60s).value() == 2);
    CHECK(slots.take(worker_b, 2, 60s).value() == 2);
    REQUIRE(slots.give_back(worker_a).has_value());
    CHECK(slots.take(worker_c, 4, 60s).value() == 2);
    CHECK(slots.take(worker_a, 4, 60s).value() == 0);
}

TEST_CASE("a lease that is not renewed expires") {
    queue_database db;
    vendor_slots slots(db.pool, 4);
    CHECK(slots.take(worker_a, 2, 60s).value() == 2);
    CHECK(slots.take(worker_b, 2, 60s).value() == 2);
    const auto expire = [&] {
        db.link.execute("update ctms_vendor_slots set expires_at = now() - interval '1 s' where holder is not null");
    };
    expire();
    CHECK(slots.take(worker_b, 2, 60s).value() == 2); // its own slots again
    CHECK(slots.take(worker_c, 4, 60s).value() == 2);
    CHECK(slots.take(worker_a, 2, 60s).value() == 0);
    CHECK(slots.take(worker_b, 1, 60s).value() == 1); // the other slot expires with its lease
    db.link.execute(fmt::format("update ctms_vendor_slots set expires_at = now() - interval '1 s' where holder = '{}' and slot ="
                                " (select max(slot) from ctms_vendor_slots where holder = '{}')",
                                worker_b.to_string(), worker_b.to_string()));
    CHECK(slots.take(worker_a, 4, 60s).value() == 1);
}

TEST_CASE("after the clock was set back, slots are free within the longest lease, and nobody waits for one for long") {
    queue_database db;
    vendor_slots slots(db.pool, 2);
    CHECK(slots.take(worker_a, 1, 60s).value() == 1);
    CHECK(slots.take(worker_b, 1, 60s).value() == 1);
    REQUIRE(slots.wait_for(worker_c).has_value());
    CHECK(slots.is_awaited(worker_a).value());
    db.link.execute("update ctms_vendor_slots set expires_at = expires_at + interval '2 days'");
    CHECK_FALSE(slots.is_awaited(worker_a).value());
    REQUIRE(slots.bring_times_back().has_value());
    CHECK(db.value("select count(*) from ctms_vendor_slots where expires_at > now() + interval '59 minutes'"
                   " and expires_at <= now() + interval '1 hour' and slot > 0") == "2");
    CHECK(slots.take(worker_a, 1, 60s).value() == 1); // renewed by its holder
    CHECK(db.value("select count(*) from ctms_vendor_slots where expires_at > now() + interval '61 seconds' and slot > 0") == "1");
}

TEST_CASE("a changed limit applies from the next call on") {
    queue_database db;
    CHECK(vendor_slots(db.pool, 4).take(worker_a, 4, 60s).value() == 4);
    vendor_slots lowered(db.pool, 2);
    CHECK(lowered.take(worker_a, 4, 60s).value() == 2);
    CHECK(lowered.take(worker_b, 4, 60s).value() == 0);
    REQUIRE(lowered.give_back(worker_a).has_value());
    CHECK(lowered.take(worker_b, 4, 60s).value() == 2);
    CHECK(vendor_slots(db.pool, 6).take(worker_c, 6, 60s).value() == 4);
}

TEST_CASE("workers that take slots concurrently never hold the same slot") {
    queue_database db;
    constexpr int cap = 6;
    constexpr int rounds = 100;
    std::atomic<int> held = 0;
    std::atomic<int> most = 0;
    std::atomic<int> failed = 0;
    std::atomic<int> got_some = 0;
    std::vector<std::thread> workers;
    for (int n = 0; n < 4; ++n) {
        workers.emplace_back([&] {
            ctms::persistence::database pool(db.db.options());
            vendor_slots slots(pool, cap);
            const auto me = uuid::random();
            for (int round = 0; round < rounds; ++round) {
                const auto mine = slots.take(me, 3, 60s);
                if (!mine) {
                    ++failed;
                    continue;
                }
                got_some += *mine > 0 ? 1 : 0;
                const int now = held += *mine;
                for (int before = most; before < now && !most.compare_exchange_weak(before, now);) {
                }
                held -= *mine;
                if (!slots.give_back(me)) ++failed;
            }
        });
    }
    for (auto& worker : workers) worker.join();
    CHECK(failed == 0);
    CHECK(most <= cap);
    CHECK(got_some > rounds);
    CHECK(db.rows_of("ctms_vendor_slots") == cap);
}
