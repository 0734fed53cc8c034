// SPDX-License-Identifier: MPL-2.0
// Bulk jobs when something goes wrong.
#include "bulk_fixture.hpp"

#include <persistence/sync/bulk_job_repository.hpp>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(bulk_fixture, "bulk: rows that the vendor refuses are isolated") {
    add_waiting(1, 30);
    fault(fake_fault::kind::row_permanent, "ImportList", id(7));
    SUBCASE("calls park them with the reason") {
        fault(fake_fault::kind::row_permanent, "AddRecipient", id(7), 0, -1, "invalid address");
        start();
        REQUIRE(ends());
        REQUIRE(run_until_idle());
        CHECK(parked() == 1);
        CHECK(value(fmt::format("select last_error from ctms_sync_queue where email_id = '{}'", id(7))).find("invalid address") !=
              std::string::npos);
        CHECK(calls("AddRecipient") == 1);
        CHECK(ended().front().refused == 1);
        CHECK(ended().front().imported == 29);
        CHECK(difference({7}).empty());
    }
    SUBCASE("calls send them") {
        start();
        REQUIRE(ends());
        REQUIRE(run_until_idle());
        CHECK(parked() == 0);
        CHECK(calls("AddRecipient") == 1);
        CHECK(difference().empty());
    }
    SUBCASE("if the list cannot be read, all contacts are sent by calls") {
        files.fails_download = true;
        start();
        REQUIRE(ends());
        REQUIRE(run_until_idle());
        CHECK(ended().front().outcome == "failed");
        CHECK(calls("AddRecipient") == 30);
        CHECK(difference().empty());
    }
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a job that fails, or that never ends, leaves its contacts to calls") {
    add_waiting(1, 30);
    std::string why;
    SUBCASE("it fails") {
        fault(fake_fault::kind::job_error, "ImportList", "");
        why = "ERROR";
    }
    SUBCASE("it never ends") {
        fault(fake_fault::kind::job_hang, "ImportList", "");
        jobs.longest = 1s;
        why = "has not ended within 1 s";
    }
    SUBCASE("the vendor refuses it") {
        fault(fake_fault::kind::fault_answer, "ImportList", "", 99, -1, "no permission");
        why = "no permission";
    }
    SUBCASE("the vendor does not know it") {
        fault(fake_fault::kind::fault_answer, "GetJobStatus", "", 99, -1, "no such job");
        why = "no such job";
    }
    SUBCASE("it is not known whether it began") {
        fault(fake_fault::kind::cut, "ImportList", "");
        jobs.unclear = 1s;
        why = "did not answer";
    }
    SUBCASE("the vendor refuses all rows") {
        fault(fake_fault::kind::row_permanent, "ImportList", "");
        why = "refused all rows";
    }
    SUBCASE("the file cannot be uploaded") {
        files.fails_upload = true;
        why = "cut off";
    }
    start();
    REQUIRE(ends());
    CHECK(ended().front().outcome != "imported");
    REQUIRE(run_until_idle());
    CHECK(log_text().find(why) != std::string::npos);
    CHECK(calls("AddRecipient") == 30);
    CHECK(vendor.counts().calls["ImportList"] <= 1); // no other one during the pause
    CHECK(difference().empty());
    CHECK(job().empty());
    CHECK(value("select failures from ctms_bulk_job") == "1");
    CHECK(has_no_file());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: an upload is broken off by a stop, and its contacts wait as before") {
    add_waiting(1, 30);
    std::atomic<bool> is_uploading = false;
    std::atomic<bool> may_go_on = false;
    files.during_upload = [&, pieces = 0]() mutable {
        if (++pieces < 2) return; // the headers
        is_uploading = true;
        (void)becomes_true([&] { return may_go_on.load(); });
    };
    start();
    REQUIRE(becomes_true([&] { return is_uploading.load(); }));
    CHECK(value("select count(*) from ctms_sync_queue where claimed_by is not null") == "30");
    bulk->request_stop();
    may_go_on = true;
    bulk.reset();
    CHECK(vendor.counts().jobs == 0);
    CHECK(value("select count(*) from ctms_sync_queue where claimed_by is not null") == "0");
    CHECK(value("select count(*) from ctms_bulk_job where holder is not null") == "0");
    CHECK(value("select failures from ctms_bulk_job") == "0");
    CHECK(value("select count(*) from ctms_sync_queue where priority = 10 and bulk_version is null") == "30");
    CHECK(has_no_file());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: another process looks after the job of one that has ended") {
    vendor.set_job_time(500ms);
    add_waiting(1, 30);
    start();
    REQUIRE(begins());
    REQUIRE(becomes_true([&] { return value("select coalesce(vendor_job, '') from ctms_bulk_job") != ""; }));
    bulk.reset();
    CHECK(!job().empty());
    SUBCASE("it uses jobs itself") {}
    SUBCASE("it does not use jobs itself") { jobs.threshold.reset(); }
    SUBCASE("the claims have expired meanwhile") {
        link.execute("update ctms_sync_queue set claimed_until = now() - interval '1 hour'");
        for (int i = 0; i < 3; ++i) CHECK(cycle().total == 0);
    }
    start();
    REQUIRE(ends());
    REQUIRE(run_until_idle());
    CHECK(ended().front().outcome == "imported");
    CHECK(calls("AddRecipient") == 0);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a process that was killed while it uploaded leaves its contacts to others") {
    add_waiting(1, 30);
    persistence::bulk_job_repository repository(pool);
    const auto killed = uuid::random();
    const auto lost = uuid::random();
    REQUIRE(repository.hold(killed, 1s).value().has_value());
    REQUIRE(repository.begin(killed, lost).value());
    REQUIRE(repository.claim(lost, 20, 1h).value().size() == 20);
    put(folder.path().string() + "/upload/ctms-" + lost.to_string() + ".csv", "part");
    start();
    REQUIRE(ends());
    CHECK(ended().front().outcome == "given_up");
    REQUIRE(run_until_idle());
    CHECK(difference().empty());
    CHECK(has_no_file());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: no job begins while the vendor is down") {
    add_waiting(1, 30);
    vendor.set_down(true);
    for (int i = 0; i < 10 && !sync().next_probe(); ++i) cycle();
    REQUIRE(sync().next_probe());
    jobs.is_down = [this] { return sync().next_probe().has_value(); };
    start();
    for (int i = 0; i < 10; ++i) {
        cycle();
        std::this_thread::sleep_for(10ms);
    }
    CHECK(job().empty());
    vendor.set_down(false);
    REQUIRE(run_until_idle());
    CHECK(difference().empty());
    CHECK(vendor.counts().jobs == 1);
}
