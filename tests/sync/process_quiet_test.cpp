// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync when there is nothing that it could do: it writes few lines and uses hardly any CPU time.
#include <support/becomes_true.hpp>
#include <support/sync_scene.hpp>
#include <support/vendor_compare.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <thread>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto cycle_message = "sync_service cycle complete";

/// CPU time of a process so far.
std::chrono::duration<double> cpu_time(pid_t process) {
    std::ifstream file(fmt::format("/proc/{}/stat", process));
    std::string text;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    long user = 0;
    long system = 0;
    fields >> user >> system;
    return std::chrono::duration<double>(static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

std::size_t lines_of(const child_process& program) { return program.lines().size(); }

/// Checks that for at least four seconds, a process that has settled writes at most one line in each interval and hardly uses the CPU.
void check_quiet(child_process& program, std::chrono::seconds interval) {
    const auto began = std::chrono::steady_clock::now();
    const auto lines = lines_of(program);
    const auto cpu = cpu_time(program.id());
    std::this_thread::sleep_for(4s);
    const auto more = lines_of(program) - lines;
    const auto cpu_more = cpu_time(program.id()) - cpu;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began; // longer than the sleep on a busy machine
    CHECK(more <= static_cast<std::size_t>(took / interval) + 1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(cpu_more.count() < 0.05 * took.count()); // a loop without pauses would need seconds
#endif
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

} // namespace

TEST_CASE_FIXTURE(sync_scene, "sync process: it is quiet when there is nothing that it could send") {
    auto variables = this->variables({{"CTMS_ACOUSTIC_LOOP_MIN_SECS", "0"}});
    SUBCASE("the queue is empty") {}
    SUBCASE("the sync is paused") {
        add_contacts(1, 3);
        variables["CTMS_ACOUSTIC_SYNC_PAUSED"] = "true";
    }
    SUBCASE("it is switched off, and only deletions wait") {
        variables["CTMS_ACOUSTIC_SYNC_FEATURE_FLAG"] = "false";
        link.execute(
            "insert into ctms_sync_queue (email_id, operation, primary_email) values (gen_random_uuid(), 'delete', 'a@b.example')");
    }
    SUBCASE("another process uses all calls") {
        add_contacts(1, 3);
        link.execute("insert into ctms_vendor_slots select n, gen_random_uuid(), now() + interval '1 hour' from generate_series(1, 10) n");
    }
    SUBCASE("other processes have claimed all contacts") {
        add_contacts(1, 3);
        link.execute("update ctms_sync_queue set claimed_by = gen_random_uuid(), claimed_until = now() + interval '1 hour'");
    }
    SUBCASE("nothing is due") {
        add_contacts(1, 3);
        link.execute("update ctms_sync_queue set next_attempt_at = now() + interval '1 hour'");
    }
    SUBCASE("all contacts are locked") {
        add_contacts(1, 3);
        link.begin();
        link.execute("select from ctms_sync_queue for update");
    }
    child_process program(CTMS_SYNC, variables);
    REQUIRE(program.logs(cycle_message));
    check_quiet(program, 1s);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: with an interval of five seconds, cycles that do nothing are reported once in that time") {
    child_process program(CTMS_SYNC, variables());
    REQUIRE(program.logs(cycle_message));
    check_quiet(program, 5s);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: while the vendor is down and few contacts wait, there are only probes, and nothing is lost") {
    vendor.set_down(true);
    add_contacts(1, 3);
    child_process program(CTMS_SYNC, variables());
    const auto is_open = [&] {
        const auto cycles = program.fields_of(cycle_message);
        return !cycles.empty() && cycles.back().contains("vendor_down");
    };
    REQUIRE(becomes_true(is_open));
    const auto lines = lines_of(program);
    const auto cpu = cpu_time(program.id());
    const auto probes = [&] { return program.fields_of(cycle_message).size(); };
    const auto before = probes();
    const auto began = std::chrono::steady_clock::now();
    REQUIRE(becomes_true([&] { return probes() - before >= 3; }, 60s)); // after 1, 2 and 4 seconds, with jitter
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    CHECK(took.count() > 3);
    CHECK(lines_of(program) - lines <= 2 * (probes() - before) + 2); // a line for each cycle and each contact
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK((cpu_time(program.id()) - cpu).count() < 0.03 * took.count() + 0.1);
#endif
    CHECK(value("select count(*) from ctms_sync_queue where retry > 0 or state = 'parked'") == "0");
    CHECK(value("select next_probe_at is not null and reason is not null and last_error is not null from ctms_vendor_circuit") == "t");
    vendor.set_down(false);
    CHECK(becomes_true([&] { return queued() == 0; })); // after the next probe, which is up to 16 seconds later on a busy machine
    CHECK(vendor_difference(database.options(), vendor).empty());
    CHECK(becomes_true([&] { return value("select next_probe_at is null from ctms_vendor_circuit") == "t"; }));
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}
