// SPDX-License-Identifier: MPL-2.0
// Bulk jobs: what is sent by a job and what by calls, and what happens to contacts that change meanwhile.
#include "bulk_fixture.hpp"

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a job sends the main table, calls send the rest") {
    add_waiting(1, 50);
    pay(3, {"prod_a"});
    link.execute("update ctms_sync_queue set priority = 10");
    change(4, [](auto& one) { one.email.first_name = "a \"quoted\", name "; });
    link.execute("update ctms_sync_queue set priority = 10");
    start();
    REQUIRE(ends());
    REQUIRE(run_until_idle());
    CHECK(ended().front().outcome == "imported");
    CHECK(ended().front().imported == 50);
    CHECK(ended().front().refused == 0);
    CHECK(vendor.counts().jobs == 1);
    CHECK(calls("AddRecipient") == 0);
    CHECK(difference().empty());
    CHECK(job().empty());
    CHECK(has_no_file());
    CHECK(has_no_result());
    CHECK(totals.synced == 50);
    CHECK(log_text().find("example.com") == std::string::npos);
    SUBCASE("what was sent is known, so that nothing is sent again") {
        options.skip_unchanged = true;
        restart();
        bulk.reset();
        const int before = calls();
        request(1, 50);
        REQUIRE(run_until_idle());
        CHECK(calls() == before);
    }
    SUBCASE("a resync updates contacts that the vendor has") {
        link.execute("update emails set first_name = 'again'"); // as another program, without a request
        REQUIRE(queue.request_resync(model::resync_selection{}, std::nullopt, 1000).value().queued == 50);
        REQUIRE(ends(2));
        REQUIRE(run_until_idle());
        CHECK(calls("AddRecipient") == 0);
        CHECK(vendor_name(50) == "again");
        CHECK(difference().empty());
    }
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: without more contacts than the threshold, no job begins") {
    add_waiting(1, 5);
    start();
    REQUIRE(run_until_idle());
    CHECK(vendor.counts().jobs == 0);
    CHECK(calls("AddRecipient") == 5);
    SUBCASE("single writes do not count") {
        add(6, 30);
        REQUIRE(run_until_idle());
        CHECK(vendor.counts().jobs == 0);
    }
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: many contacts go by several jobs, one after the other") {
    jobs.most = 20;
    add_waiting(1, 60);
    start();
    REQUIRE(ends(3));
    REQUIRE(run_until_idle());
    CHECK(vendor.counts().jobs_at_once == 1);
    CHECK(calls("AddRecipient") == 0);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: columns that have no source any more are emptied") {
    add(1, 20);
    change(7, [](auto& one) { one.fxa.emplace().fxa_id = "account"; });
    REQUIRE(run_until_idle());
    REQUIRE(vendor.contacts().at(id(7)).at("fxa_id") == "account");
    change(7, [](auto& one) { one.fxa.reset(); });
    link.execute("delete from ctms_sync_queue");
    REQUIRE(queue.request_resync(model::resync_selection{}, std::nullopt, 1000).value().queued == 20);
    const int before = calls("AddRecipient");
    start();
    REQUIRE(ends());
    REQUIRE(run_until_idle());
    CHECK(vendor.contacts().at(id(7)).at("fxa_id").empty());
    CHECK(calls("AddRecipient") == before);
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: contacts that do not fit are sent by calls") {
    add_waiting(1, 20);
    change(3, [](auto& one) { one.email.first_name = "two\nlines"; });
    link.execute("update ctms_sync_queue set priority = 10");
    link.execute(fmt::format("update ctms_sync_queue set retry = 1, last_error = 'main: busy' where email_id = '{}'", id(4)));
    start();
    REQUIRE(ends());
    REQUIRE(run_until_idle());
    CHECK(ended().front().imported == 18);
    CHECK(calls("AddRecipient") == 2);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a contact of a job that is written meanwhile is sent again, after it") {
    vendor.set_job_time(1h);
    add_waiting(1, 30);
    start();
    REQUIRE(begins());
    write(5, "new");
    for (int i = 0; i < 3; ++i) CHECK(cycle().total == 0);
    vendor.end_jobs();
    REQUIRE(run_until_idle());
    CHECK(vendor_name(5) == "new");
    CHECK(calls("AddRecipient") == 1);
    CHECK(vendor.counts().during_job == 0);
    CHECK(vendor.writes_by_contact().at(id(5)) == 2);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: a contact of a job that is deleted meanwhile is deleted at the vendor, after it") {
    vendor.set_job_time(1h);
    add_waiting(1, 30);
    start();
    REQUIRE(begins());
    remove(6);
    for (int i = 0; i < 3; ++i) CHECK(cycle().total == 0);
    vendor.end_jobs();
    REQUIRE(run_until_idle());
    CHECK(!vendor_knows(6));
    CHECK(calls("RemoveRecipient") == 1);
    CHECK(vendor.counts().during_job == 0);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: other writes do not wait for a job") {
    vendor.set_job_time(1h);
    add_waiting(1, 30);
    start();
    REQUIRE(begins());
    add(31, 31);
    CHECK(becomes_true([&] { return cycle().synced == 1; }));
    CHECK(vendor_knows(31));
    CHECK(ended().empty());
}

TEST_CASE_FIXTURE(bulk_fixture, "bulk: several processes have one job at a time, and no call too many") {
    vendor.set_latency(5ms);
    vendor.set_job_time(100ms);
    jobs.most = 40;
    add_waiting(1, 160);
    start();
    acoustic::client second_client(client_options_for(vendor));
    folder_exchange second_files(folder.path().string());
    const service::bulk_sync second(pool, second_client, second_files, log(), jobs);
    auto worker_a = make_worker();
    auto worker_b = make_worker();
    std::atomic<bool> is_done = false;
    const auto work = [&](service::sync& one) {
        while (!is_done) {
            (void)one.run_cycle();
            std::this_thread::sleep_for(2ms);
        }
    };
    {
        const std::jthread a([&] { work(worker_a->sync); });
        const std::jthread b([&] { work(worker_b->sync); });
        const at_end end([&] { is_done = true; });
        CHECK(becomes_true([&] { return value("select count(*) from ctms_sync_queue") == "0"; }));
    }
    const auto counts = vendor.counts();
    CHECK(counts.jobs >= 1);
    CHECK(counts.jobs_at_once == 1);
    CHECK(counts.refused_as_too_many == 0);
    CHECK(counts.overlapping == 0);
    CHECK(counts.during_job == 0);
    CHECK(difference().empty());
}
