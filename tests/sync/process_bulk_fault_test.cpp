// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync when a bulk job is interrupted.
#include "bulk_scene.hpp"

#include <support/becomes_true.hpp>

#include <doctest/doctest.h>

#include <csignal>

using namespace ctms::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(bulk_scene, "sync process: the connection is cut off during the upload") {
    add_waiting(1, 3000);
    child_process program(CTMS_SYNC, bulk_variables());
    REQUIRE(becomes_true([&] { return !server.uploaded().empty(); }));
    server.signal_connections(SIGKILL);
    REQUIRE(program.logs("A bulk job failed: its contacts are sent by single calls", 1, 60s));
    CHECK(program.fields_of("A bulk job failed: its contacts are sent by single calls").front().at("outcome") == "given_up");
    CHECK(vendor.counts().jobs == 0);
    REQUIRE(becomes_empty(120s));
    CHECK(difference().empty());
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(bulk_scene, "sync process: kill -9 in the middle of a bulk job loses nothing") {
    add_waiting(1, 200);
    int wait_for = 0;
    SUBCASE("while the job is under way") {
        vendor.set_job_time(3s);
        wait_for = 1;
    }
    SUBCASE("while the vendor is asked") {
        fake_fault slow;
        slow.what = fake_fault::kind::stall;
        slow.method = "ImportList";
        slow.wait = 3s;
        slow.times = 1;
        vendor.add_fault(slow);
        wait_for = 1;
    }
    SUBCASE("before") {}
    const environment quick{{"CTMS_ACOUSTIC_LEASE_S", "12"}, {"CTMS_ACOUSTIC_TIMEOUT_S", "1"}, {"CTMS_ACOUSTIC_BULK_TIMEOUT_S", "60"}};
    {
        child_process first(CTMS_SYNC, bulk_variables(quick));
        if (wait_for > 0) {
            REQUIRE(becomes_true([&] { return vendor.counts().calls["ImportList"] > 0; }));
        } else {
            REQUIRE(becomes_true([&] { return value("select coalesce(job::text, '') from ctms_bulk_job") != ""; }));
        }
        first.signal(SIGKILL);
        (void)first.wait();
    }
    child_process second(CTMS_SYNC, bulk_variables(quick));
    REQUIRE(becomes_empty(120s));
    CHECK(difference().empty());
    CHECK(value("select count(*) from ctms_bulk_job where job is null") == "1");
    second.signal(SIGTERM);
    CHECK(second.wait() == 0);
}
