// SPDX-License-Identifier: MPL-2.0
// Bulk jobs when something goes wrong.
#include "bulk_fixture.hpp"

#include <persistence/sync/bulk_job_repository.hpp>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// Waits until the first job has ended and no contact waits any more, and checks how the job ended, how many contacts were sent by calls,
/// and that the vendor has everything.
void check_end(bulk_fixture& scene, std::string_view outcome, int calls) {
    REQUIRE(scene.ends());
    REQUIRE(scene.run_until_idle());
    CHECK(scene.ended().front().outcome == outcome);
    CHECK(scene.calls("AddRecipient") == calls);
    CHECK(scene.difference().empty());
}

} // namespace

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
        check_end(*this, "imported", 1);
        CHECK(parked() == 0);
    }
    SUBCASE("if the list cannot be read, all contacts are sent by calls") {
        files.fails_download = true;
        start();
        check_end(*this, "failed", 30);
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
        why = "it has not ended within 1 s";
    }
    SUBCASE("the vendor refuses it") {
        fault(fake_fault::kind::fault_answer, "ImportList", "", 99, -1, "no permission");
        why = "no permission";
    }
    SUBCASE("the vendor never says how it is doing") {
        fault(fake_fault::kind::job_hang, "ImportList", "");
        fault(fake_fault::kind::fault_answer, "GetJobStatus", "", 99, -1, "no such job");
        jobs.longest = 1s;
        why = "no such job within 1 s";
    }
    SUBCASE("it is not known whether it began, because the connection was closed in the middle of the answer") {
        fault(fake_fault::kind::cut, "ImportList", "");
        jobs.longest = 1s;
        why = "did not answer";
    }
    SUBCASE("it is not known whether it began, because the connection was closed before the answer") {
        fault(fake_fault::kind::cut_after, "ImportList", "");
        jobs.longest = 1s;
        why = "did not answer";
    }
    SUBCASE("it is not known whether it began, because the vendor reports an error of its own") {
        constexpr int server_error = 50;
        fault(fake_fault::kind::fault_answer, "ImportList", "", server_error, -1, "busy");
        jobs.longest = 1s;
        why = "did not answer";
    }
    SUBCASE("there is no token, so it is not asked") {
        fault(fake_fault::kind::status, "token", "", 500, 1);
        why = "no token";
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
    CHECK(calls("AddRecipient") >= 30);
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

TEST_CASE_FIXTURE(bulk_fixture, "bulk: one bad answer about a job does not end it") {
    vendor.set_job_time(500ms);
    add_waiting(1, 30);
    SUBCASE("permanent") { fault(fake_fault::kind::fault_answer, "GetJobStatus", "", 99, 2, "no such job"); }
    SUBCASE("temporary") { fault(fake_fault::kind::status, "GetJobStatus", "", 500, 2); }
    start();
    check_end(*this, "imported", 0);
    CHECK(vendor.counts().during_job == 0);
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a job that ended while nobody could ask is not given up") {
    vendor.set_job_time(1h);
    add_waiting(1, 30);
    start();
    REQUIRE(begins());
    REQUIRE(becomes_true([&] { return value("select coalesce(vendor_job, '') from ctms_bulk_job") != ""; }));
    bulk.reset();
    vendor.end_jobs();
    link.execute("update ctms_bulk_job set asked_at = asked_at - interval '1 day'");
    start();
    check_end(*this, "imported", 0);
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: the vendor's id of a job survives a failure of the database") {
    link.execute("create function refuse_id() returns trigger language plpgsql as $$ begin"
                 " if new.vendor_job is not null then raise exception 'refused'; end if; return new; end $$");
    link.execute("create trigger refuse_id before update on ctms_bulk_job for each row execute function refuse_id()");
    add_waiting(1, 30);
    start();
    REQUIRE(begins());
    REQUIRE(becomes_true([&] { return log_text().find("A step of a bulk job failed") != std::string::npos; }));
    link.execute("drop trigger refuse_id on ctms_bulk_job");
    check_end(*this, "imported", 0);
    CHECK(vendor.counts().calls["ImportList"] == 1);
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a job that ends after it was given up") {
    vendor.set_job_time(1h);
    add_waiting(1, 30);
    options.skip_unchanged = true;
    restart();
    bool is_known = true;
    SUBCASE("the vendor has begun it") {}
    SUBCASE("the vendor did not answer") {
        fault(fake_fault::kind::cut_after, "ImportList", "", 0, 1);
        is_known = false;
    }
    start();
    REQUIRE(becomes_true([&] {
        return is_known ? value("select coalesce(vendor_job, '') from ctms_bulk_job") != ""
                        : log_text().find("did not answer") != std::string::npos;
    }));
    remove(6);
    write(5, "new");
    link.execute("update ctms_bulk_job set asked_at = asked_at - interval '1 day'");
    REQUIRE(ends());
    CHECK(ended().front().outcome == "failed");
    REQUIRE(becomes_true([&] { return cycle(), calls("RemoveRecipient") == 1 && calls("AddRecipient") == 29; }));
    remove(7); // after the job was given up
    REQUIRE(becomes_true([&] { return cycle(), calls("RemoveRecipient") == 2; }));
    CHECK(becomes_true([&] { return value("select count(*) from ctms_sync_queue where claimed_by is not null") == "0"; }));
    CHECK(value("select count(*) from ctms_sync_queue where operation = 'delete' and next_attempt_at > now() + interval '30 minutes'") ==
          "2");
    CHECK(value("select count(*) from ctms_bulk_doubts where until > now() + interval '30 minutes'") == "30");
    CHECK(vendor_name(5) == "new");
    vendor.end_jobs();
    REQUIRE(vendor_knows(6));
    REQUIRE(vendor_name(5) != "new");
    link.execute("update ctms_bulk_doubts set until = now()");
    link.execute("update ctms_sync_queue set next_attempt_at = now()");
    REQUIRE(becomes_true([&] { return cycle(), value("select count(*) from ctms_bulk_doubts") == "0"; }));
    REQUIRE(run_until_idle());
    CHECK(!vendor_knows(6));
    CHECK(!vendor_knows(7));
    CHECK(vendor_name(5) == "new");
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: files that cannot be removed are tried again") {
    jobs.removal_pause = 100ms;
    files.fails_remove = true;
    add_waiting(1, 30);
    fault(fake_fault::kind::row_permanent, "ImportList", id(7));
    start();
    REQUIRE(ends());
    CHECK(ended().front().outcome == "imported");
    CHECK(!has_no_file());
    CHECK(!has_no_result());
    CHECK(job().empty());
    REQUIRE(becomes_true([&] { return log_text().find("could not be removed") != std::string::npos; }));
    files.fails_remove = false;
    CHECK(becomes_true([&] { return has_no_file() && has_no_result(); }));
    CHECK(becomes_true([&] { return value("select count(*) from ctms_bulk_files") == "0"; }));
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a series of failed steps is logged once, and the next series again") {
    jobs.failure_pause = 20ms;
    link.execute("create sequence attempts");
    link.execute("create function refuse() returns trigger language plpgsql as $$ begin"
                 " raise exception 'attempt %', nextval('attempts'); end $$");
    const auto logged = [&] {
        std::size_t count = 0;
        const auto text = log_text();
        for (auto at = text.find("A step of a bulk job failed"); at != std::string::npos; at = text.find("A step of a bulk job", at + 1))
            ++count;
        return count;
    };
    // Until the third failure, no step gets as far as to begin a job.
    const auto fail_three_times = [&](int first, int last) {
        link.execute("select setval('attempts', 1)");
        link.execute("create trigger refuse before insert or update on ctms_bulk_job for each row execute function refuse()");
        add_waiting(first, last);
        if (bulk == nullptr) start();
        REQUIRE(becomes_true([&] { return value("select last_value >= 4 from attempts") == "t"; }));
        link.execute("drop trigger refuse on ctms_bulk_job");
    };
    fail_three_times(1, 30);
    check_end(*this, "imported", 0);
    CHECK(logged() == 1);
    CHECK(log_text().find("attempt 2") != std::string::npos);
    fail_three_times(31, 60);
    CHECK(becomes_true([&] { return logged() == 2; }));
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: while steps fail, calls send the contacts") {
    link.execute("alter table ctms_bulk_files rename to elsewhere");
    add_waiting(1, 30);
    start();
    REQUIRE(becomes_true([&] { return log_text().find("A step of a bulk job failed") != std::string::npos; }));
    REQUIRE(run_until_idle());
    CHECK(calls("AddRecipient") == 30);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a process that has lost its job changes nothing of the next one") {
    add_waiting(1, 10);
    persistence::bulk_job_repository repository(pool);
    const auto holder = uuid::random();
    const auto lost = uuid::random();
    const auto next = uuid::random();
    REQUIRE(repository.hold(holder, 20s).value().has_value());
    CHECK(!repository.hold(uuid::random(), 20s).value().has_value());
    REQUIRE(repository.begin(holder, next, {"upload/a.csv"}).value());
    CHECK(!repository.note_asked(holder, lost, 3).value());
    CHECK(!repository.note_started(lost, "7").value());
    CHECK(!repository.end(holder, lost, std::nullopt).value());
    CHECK(repository.claim(lost, 20, 1h).value().empty());
    CHECK(job() == next.to_string());
    CHECK(repository.claim(next, 20, 1h).value().size() == 10);
    CHECK(repository.note_asked(holder, next, 3).value());
    CHECK(repository.note_started(next, "7").value());
    CHECK(repository.end(holder, next, std::nullopt).value());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: another process looks after the job of one that has ended") {
    vendor.set_job_time(1h);
    add_waiting(1, 30);
    start();
    REQUIRE(begins());
    REQUIRE(becomes_true([&] { return value("select coalesce(vendor_job, '') from ctms_bulk_job") != ""; }));
    bulk.reset();
    CHECK(!job().empty());
    vendor.end_jobs();
    SUBCASE("it uses jobs itself") {}
    SUBCASE("it does not use jobs itself") { jobs.threshold.reset(); }
    SUBCASE("the claims have expired meanwhile") {
        link.execute("update ctms_sync_queue set claimed_until = now() - interval '1 hour'");
        for (int i = 0; i < 3; ++i) CHECK(cycle().total == 0);
    }
    start();
    check_end(*this, "imported", 0);
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a process that was killed while it uploaded leaves its contacts to others") {
    add_waiting(1, 30);
    persistence::bulk_job_repository repository(pool);
    const auto killed = uuid::random();
    const auto lost = uuid::random();
    REQUIRE(repository.hold(killed, 1s).value().has_value());
    REQUIRE(repository.begin(killed, lost, {"upload/ctms-" + lost.to_string() + ".csv"}).value());
    REQUIRE(repository.claim(lost, 20, 1h).value().size() == 20);
    put(folder.path().string() + "/upload/ctms-" + lost.to_string() + ".csv", "part");
    start();
    check_end(*this, "given_up", 30);
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
    REQUIRE(becomes_true([&] {
        cycle();
        return !sync().next_probe();
    }));
    add_waiting(31, 60); // calls may have sent all others
    REQUIRE(begins());
    REQUIRE(run_until_idle());
    CHECK(difference().empty());
}
