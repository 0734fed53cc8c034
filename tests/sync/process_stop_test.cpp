// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync: how signals and its watchdog end it, and what does not end it.
#include <support/becomes_true.hpp>
#include <support/sync_scene.hpp>
#include <support/vendor_compare.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <string>

using namespace ctms::test;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

/// Stops the server processes of all other connections to a database, as if the server hung.
class hanging_database {
public:
    explicit hanging_database(sync_scene& scene) {
        const auto found =
            scene.link.execute("select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
        for (std::size_t row = 0; row < found.size(); ++row) {
            processes_.push_back(static_cast<pid_t>(found.integer(row, 0)));
            ::kill(processes_.back(), SIGSTOP);
        }
    }
    ~hanging_database() {
        for (const auto process : processes_) ::kill(process, SIGCONT);
    }
    hanging_database(const hanging_database&) = delete;
    hanging_database& operator=(const hanging_database&) = delete;

    [[nodiscard]] std::size_t connections() const { return processes_.size(); }

private:
    std::vector<pid_t> processes_;
};

const environment impatient{
    {"CTMS_BACKGROUND_WATCHDOG_S", "5"}, {"CTMS_ACOUSTIC_TIMEOUT_S", "1.25"}, {"CTMS_ACOUSTIC_LOOP_MIN_SECS", "60"}};

} // namespace

TEST_CASE_FIXTURE(sync_scene, "sync process: SIGHUP has no effect") {
    child_process program(CTMS_SYNC, variables());
    REQUIRE(program.logs("sync_service cycle complete"));
    program.signal(SIGHUP);
    CHECK(program.wait(500ms) == -1); // it still runs
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: SIGTERM lets the calls in progress finish and releases the other claims") {
    vendor.set_latency(2s);
    add_contacts(1, 40);
    int signal = SIGTERM;
    SUBCASE("SIGTERM") {}
    SUBCASE("SIGINT") { signal = SIGINT; }
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_BATCH_LIMIT", "40"}}));
    REQUIRE(becomes_true([&] { return vendor.counts().calls["AddRecipient"] == 10; }));
    program.signal(signal);
    CHECK(program.wait() == 0);
    CHECK(vendor.counts().calls["AddRecipient"] == 10);
    CHECK(vendor.contacts().size() == 10);
    CHECK(value("select count(*) from ctms_sync_queue where claimed_by is not null or claimed_until is not null or retry > 0") == "0");
    CHECK(value("select count(*) from ctms_vendor_slots where holder is not null") == "0");
    CHECK(queued() == 40); // their newsletters have not been sent yet
    vendor.set_latency(0ms);
    child_process rest(CTMS_SYNC, variables(), {"--once"});
    CHECK(rest.wait() == 0);
    CHECK(vendor_difference(database.options(), vendor).empty());
}

TEST_CASE_FIXTURE(sync_scene, "sync process: SIGTERM ends the sleep between two cycles immediately") {
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_LOOP_MIN_SECS", "3600"}}));
    REQUIRE(program.logs("sync_service cycle complete"));
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: SIGTERM ends a process whose vendor is down") {
    vendor.set_down(true);
    add_contacts(1, 20);
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_TIMEOUT_S", "1"}}));
    REQUIRE(program.logs("sync_service cycle complete", 2));
    CHECK(program.fields_of("sync_service cycle complete").back().at("vendor_down") == true);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
    CHECK(value("select count(*) from ctms_sync_queue where claimed_by is not null") == "0");
}

TEST_CASE_FIXTURE(sync_scene, "sync process: the watchdog ends a process whose database hangs, with exit code 70 and a log line") {
    child_process program(CTMS_SYNC, variables(impatient));
    REQUIRE(program.logs("sync_service cycle complete"));
    {
        const hanging_database hanging(*this);
        REQUIRE(hanging.connections() > 0);
        const auto began = clock_type::now();
        CHECK(program.wait(40s) == 70);
        CHECK(clock_type::now() - began > 3s);
    }
    const auto last = program.lines().back();
    CHECK(last.at("Severity") == 2);
    CHECK(last.at("Type") == "ctms.bin.acoustic_sync");
    CHECK(last.at("Fields").at("msg") == "The cycle makes no progress: ending this process");
}

TEST_CASE_FIXTURE(sync_scene, "sync process: the watchdog does not end a process that sleeps or makes slow calls") {
    vendor.set_latency(500ms);
    add_contacts(1, 130);
    child_process program(CTMS_SYNC, variables(impatient));
    REQUIRE(becomes_true([&] { return queued() == 0; }, 90s)); // takes more than six seconds
    CHECK(program.wait(6s) == -1);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: without memory for further threads the contacts are sent one after another") {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they reserve terabytes of address space
    child_process program(CTMS_SYNC, variables());
    REQUIRE(program.logs("sync_service cycle complete"));
    std::ifstream status(fmt::format("/proc/{}/status", program.id()));
    std::size_t size_kib = 0;
    for (std::string word; status >> word;) {
        if (word == "VmSize:") status >> size_kib;
    }
    REQUIRE(size_kib > 0);
    // Enough for the calls, but not for the stack of a thread, which takes 8 MiB.
    constexpr std::size_t spare = 4 * 1024;
    const rlimit limit{(size_kib + spare) * 1024, (size_kib + spare) * 1024};
    REQUIRE(::prlimit(program.id(), RLIMIT_AS, &limit, nullptr) == 0);
    add_contacts(1, 20);
    CHECK(becomes_true([&] { return queued() == 0; }));
    CHECK(vendor_difference(database.options(), vendor).empty());
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
#endif
}
