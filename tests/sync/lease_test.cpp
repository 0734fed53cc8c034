// SPDX-License-Identifier: MPL-2.0
// Cycles that outlast their lease. Leases are whole seconds, so these tests take a while.
#include "sync_fixture.hpp"

#include "service/sync_lease.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

using namespace ctms;
using namespace std::chrono_literals;
using test::becomes_true;
using test::sync_fixture;
using clock_type = service::sync_lease::clock;

TEST_CASE_FIXTURE(sync_fixture, "sync: a cycle that outlasts its lease keeps its claims") {
    options.lease = 3s; // renewed in time even on a busy machine; the cycle takes twice as long
    options.connections = 1;
    add(1, 10, {});
    vendor.set_latency(600ms);
    const auto first = make_worker();
    options.connections = 10;
    const auto second = make_worker();
    int others = 0;
    {
        std::atomic<bool> ended = false;
        std::jthread running([&] {
            (void)first->sync.run_cycle();
            ended = true;
        });
        REQUIRE(becomes_true([&] { return calls() > 0; }));
        while (!ended) {
            others += second->sync.run_cycle().value().total;
            std::this_thread::sleep_for(10ms);
        }
    }
    CHECK(others == 0);
    CHECK(waiting() == 0);
    CHECK(calls("AddRecipient") == 10);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a lease that was not renewed in time stays expired") {
    add(1, 1);
    const auto worker = uuid::random();
    persistence::vendor_slots slots(pool, 10);
    const auto claimed_at = clock_type::now();
    REQUIRE(queue.claim(worker, 10, 3s).value().size() == 1);
    const service::sync_lease lease(queue, slots, worker, 1, 3s, claimed_at);
    CHECK(lease.holds());
    const auto claim = "select claimed_until from ctms_sync_queue";
    const auto first_claim = value(claim);
    link.begin();
    link.execute("select from ctms_sync_queue for update"); // blocks renewals
    CHECK(becomes_true([&] { return !lease.holds(); }));
    std::this_thread::sleep_for(1100ms); // the lease ends a third of its length later
    link.rollback();
    // The renewal succeeds now, because no other worker has claimed the row yet.
    CHECK(becomes_true([&] { return value(claim) != first_claim; }));
    CHECK_FALSE(becomes_true([&] { return lease.holds(); }, 1500ms)); // there would be another renewal in this time
}

TEST_CASE_FIXTURE(sync_fixture, "sync: nothing more is sent after the lease is lost") {
    options.lease = 6s; // long enough for the first call on a busy machine
    options.connections = 1;
    add(1, 20, {});
    vendor.set_latency(900ms);
    {
        const auto running = begin_cycle();
        link.begin();
        link.execute("lock table ctms_vendor_slots in access exclusive mode"); // blocks renewals
        const int before = calls("AddRecipient");
        std::this_thread::sleep_for(8s); // nine calls
        link.rollback();
        // As many calls as fit into two thirds of the lease, which may have been renewed just before.
        CHECK(calls("AddRecipient") - before <= 5);
    }
    CHECK(waiting() > 0);
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK(difference().empty());
}

namespace {

enum class outcome { counts = 0, does_not_count = 1, no_namespace = 2 };

/// Whether the clock of leases counts 1,000 seconds that only the clock since boot has counted. Ends this process, which has no other
/// threads.
[[noreturn]] void try_clock_after_suspension() {
    const auto end = [](outcome how) { ::_exit(static_cast<int>(how)); };
    const auto without = clock_type::now();
    // The new namespace is that of the next child.
    const bool has_namespace = ::unshare(CLONE_NEWTIME) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWTIME) == 0; // the latter without root
    if (!has_namespace || !(std::ofstream("/proc/self/timens_offsets") << "boottime 1000 0\n" << std::flush)) end(outcome::no_namespace);
    const auto child = ::fork();
    if (child == 0) end(clock_type::now() - without >= 1000s ? outcome::counts : outcome::does_not_count);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) end(outcome::no_namespace);
    ::_exit(WEXITSTATUS(status));
}

} // namespace

TEST_CASE("sync: leases also end while the machine is suspended") {
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) try_clock_after_suspension();
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    const auto how = static_cast<outcome>(WEXITSTATUS(status));
    if (how == outcome::no_namespace) {
        MESSAGE("not tested: this account, or this kernel, has no namespaces of time");
    } else {
        CHECK(how == outcome::counts);
    }
}
