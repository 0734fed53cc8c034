// SPDX-License-Identifier: MPL-2.0
// Faults of ctms-sync, the vendor and the database while contacts are written and deleted. In the end the vendor must have
// what the database has.
#include "process_load.hpp"

#include <support/becomes_true.hpp>
#include <support/sync_scene.hpp>
#include <support/vendor_compare.hpp>

#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto cycle_message = "sync_service cycle complete";

/// Changes the settings so that a test does not take minutes.
environment quick(environment variables) {
    variables["CTMS_ACOUSTIC_LEASE_S"] = "12";
    variables["CTMS_ACOUSTIC_RETRY_WAIT_S"] = "0";
    variables["CTMS_ACOUSTIC_LOOP_MIN_SECS"] = "1";
    variables["CTMS_ACOUSTIC_TIMEOUT_S"] = "1";
    variables["CTMS_LOGGING_LEVEL"] = "INFO";
    return variables;
}

std::string value_in(const persistence::database_options& database, const std::string& sql) {
    persistence::connection link(database);
    return std::string(link.execute(sql).text(0, 0));
}

/// Waits until a running program has emptied the queue, and stops it. Returns what then differs, or what went wrong.
std::string settle(child_process& program, const persistence::database_options& database, const fake_acoustic& vendor,
                   std::chrono::seconds limit = 120s) {
    const bool is_empty =
        becomes_true([&] { return value_in(database, "select count(*) from ctms_sync_queue where state = 'pending'") == "0"; }, limit);
    program.signal(SIGTERM);
    if (program.wait() != 0) return "ctms-sync did not end with 0: " + program.log();
    return (is_empty ? "" : "the queue was not emptied in time\n") + vendor_difference(database, vendor);
}

int calls_of(const fake_acoustic& vendor) {
    int out = 0;
    for (const auto& [method, count] : vendor.counts().calls) out += count;
    return out;
}

int count_of(const child_process& program, const char* count) {
    int out = 0;
    for (const auto& cycle : program.fields_of(cycle_message)) {
        if (const auto* found = cycle.if_contains(count)) out += found->to_number<int>();
    }
    return out;
}

std::vector<std::unique_ptr<child_process>> start_many(int processes, const environment& variables) {
    std::vector<std::unique_ptr<child_process>> out;
    for (int i = 0; i < processes; ++i) out.push_back(std::make_unique<child_process>(CTMS_SYNC, variables));
    return out;
}

/// A database on its own server, which can be stopped and started.
struct own_database {
    explicit own_database(const std::filesystem::path& where) : directory(where) {
        start();
        options.url = cluster->url();
        REQUIRE(persistence::migrate(options).has_value());
    }
    void start() {
        auto started = persistence::embedded_postgres::start(directory);
        REQUIRE(started.has_value());
        cluster.emplace(std::move(*started));
    }
    /// Ends the server with a signal and waits until its process is gone.
    void end(int signal) {
        std::ifstream file(directory / "postgres" / "postmaster.pid");
        pid_t process = 0;
        file >> process;
        REQUIRE(process > 1);
        ::kill(process, signal);
        REQUIRE(becomes_true([&] { return ::kill(process, 0) != 0; }));
        cluster.reset();
    }

    std::filesystem::path directory;
    std::optional<persistence::embedded_postgres> cluster;
    persistence::database_options options;
};

} // namespace

TEST_CASE_FIXTURE(sync_scene, "sync faults: killed at random moments in 20 rounds while contacts are written and deleted") {
    vendor.set_latency(20ms);
    auto variables = quick(this->variables());
    variables["CTMS_ACOUSTIC_LEASE_S"] = "6"; // each round waits for the slots of the process before
    variables["CTMS_ACOUSTIC_TIMEOUT_S"] = "0.5";
    contact_writers writers(database.options(), 4, 3ms);
    std::minstd_rand random(7);
    for (int round = 0; round < 20; ++round) {
        child_process program(CTMS_SYNC, variables);
        const int until = calls_of(vendor) + 1 + static_cast<int>(random() % 60);
        REQUIRE(becomes_true([&] { return calls_of(vendor) >= until; }));
        program.signal(SIGKILL);
        CHECK(program.wait() == 128 + SIGKILL);
    }
    writers.stop();
    CHECK(writers.writes() > 500);
    CHECK(writers.deletions() > 50);
    child_process last(CTMS_SYNC, variables);
    CHECK(settle(last, database.options(), vendor) == "");
    CHECK(vendor.counts().refused_as_too_many == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync faults: a vendor outage longer than all attempts parks no contact") {
    auto variables = quick(this->variables());
    variables["CTMS_ACOUSTIC_RETRY_LIMIT"] = "2";
    contact_writers writers(database.options(), 2, 20ms);
    child_process program(CTMS_SYNC, variables);
    REQUIRE(becomes_true([&] { return !vendor.contacts().empty(); }));
    vendor.set_down(true);
    const auto is_down = [&](std::size_t cycles) {
        const auto all = program.fields_of(cycle_message);
        return std::size_t(std::count_if(all.begin(), all.end(), [](const auto& one) { return one.contains("vendor_down"); })) >= cycles;
    };
    CHECK(becomes_true([&] { return is_down(5); })); // after 1 + 2 + 4 + 8 seconds, with jitter
    CHECK(count_of(program, "count_exception") == 0);
    CHECK(value("select count(*) from ctms_sync_queue where state = 'parked'") == "0");
    CHECK(queued() > 20);
    writers.stop();
    vendor.set_down(false);
    CHECK(settle(program, database.options(), vendor) == "");
    CHECK(count_of(program, "count_exception") == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync faults: a vendor that is slow, stalls and cuts connections") {
    vendor.set_latency(700ms); // the timeout is 1000 ms
    const auto variables = quick(this->variables());
    contact_writers writers(database.options(), 2, 50ms);
    child_process program(CTMS_SYNC, variables);
    REQUIRE(becomes_true([&] { return calls_of(vendor) > 30; }, 120s));
    vendor.set_latency(10ms);
    for (const auto what : {fake_fault::kind::stall, fake_fault::kind::cut, fake_fault::kind::cut_before}) {
        fake_fault fault;
        fault.what = what;
        fault.times = 4;
        fault.wait = 2s;
        vendor.add_fault(fault);
    }
    const int so_far = calls_of(vendor);
    REQUIRE(becomes_true([&] { return calls_of(vendor) > so_far + 60; }, 120s));
    writers.stop();
    CHECK(settle(program, database.options(), vendor) == "");
}

TEST_CASE("sync faults: a database that is stopped, killed and restarted in the middle") {
    const temporary_directory place;
    own_database database(place.path() / "data");
    fake_acoustic vendor;
    vendor.set_latency(20ms);
    contact_writers writers(database.options, 2, 5ms);
    child_process program(CTMS_SYNC, quick(sync_environment(database.options.url, vendor)));
    for (const int signal : {SIGINT, SIGQUIT, SIGINT}) {
        const int so_far = calls_of(vendor);
        REQUIRE(becomes_true([&] { return calls_of(vendor) > so_far + 40; }));
        database.end(signal);
        const auto failures = program.fields_of("The database failed in a cycle").size();
        CHECK(program.logs("The database failed in a cycle", failures + 1));
        database.start();
    }
    const int so_far = calls_of(vendor);
    CHECK(becomes_true([&] { return calls_of(vendor) > so_far + 40; }));
    writers.stop();
    CHECK(settle(program, database.options, vendor) == "");
}

TEST_CASE_FIXTURE(sync_scene, "sync faults: several processes share a queue and never exceed ten calls, even when one is killed") {
    int processes = 0;
    SUBCASE("two") { processes = 2; }
    SUBCASE("three") { processes = 3; }
    CAPTURE(processes);
    vendor.set_latency(50ms);
    add_contacts(1, 600);
    contact_writers writers(database.options(), 2, 20ms);
    auto running = start_many(processes, quick(variables()));
    REQUIRE(becomes_true([&] { return vendor.contacts().size() > 200; }));
    running.front()->signal(SIGKILL);
    CHECK(running.front()->wait() == 128 + SIGKILL);
    CHECK(becomes_true([&] { return vendor.contacts().size() > 590; }, 120s));
    writers.stop();
    int shares = 0;
    for (std::size_t i = 1; i < running.size(); ++i) {
        CHECK(settle(*running[i], database.options(), vendor) == "");
        shares += count_of(*running[i], "count_synced") > 20 ? 1 : 0;
    }
    CHECK(shares == processes - 1);
    const auto counts = vendor.counts();
    CHECK(counts.refused_as_too_many == 0);
    CHECK(counts.most_at_once > 5);
    CHECK(counts.most_at_once <= 10);
}
