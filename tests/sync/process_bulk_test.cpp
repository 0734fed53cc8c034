// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync with bulk jobs: OpenSSH's server as the vendor's file server, and the fake vendor, which reads its folder.
#include "bulk_scene.hpp"

#include <support/becomes_true.hpp>
#include <support/files.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>
#include <string>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto ended = "A bulk job has ended";
constexpr auto failed = "A bulk job failed: its contacts are sent by single calls";

} // namespace

TEST_CASE_FIXTURE(bulk_scene, "sync process: a bulk job through a real file server") {
    add_waiting(1, 200);
    add_product(3);
    link.execute("update ctms_sync_queue set priority = 10");
    child_process program(CTMS_SYNC, bulk_variables());
    REQUIRE(program.logs(ended));
    REQUIRE(becomes_empty());
    CHECK(vendor.counts().calls["AddRecipient"] < 200);
    CHECK(vendor.counts().jobs == 1);
    CHECK(difference().empty());
    CHECK(server.uploaded().empty());
    const auto line = program.fields_of(ended).front();
    CHECK(line.at("outcome") == "imported");
    CHECK(line.at("contacts") == line.at("imported"));
    CHECK(line.at("refused") == 0);
    CHECK(program.log().find("example.com") == std::string::npos);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(bulk_scene, "sync process: when the file server fails, contacts are sent by calls") {
    add_waiting(1, 200);
    SUBCASE("its key has changed") { server.change_host_key(); }
    SUBCASE("its disk is full") { server.restart(1); }
    environment changed;
    SUBCASE("the server is not known") { put(server.known_hosts(), ""); }
    SUBCASE("the account is not known") { changed["CTMS_ACOUSTIC_SFTP_USER"] = "nobody-like-this"; }
    child_process program(CTMS_SYNC, bulk_variables(changed));
    REQUIRE(program.logs(failed));
    REQUIRE(becomes_empty());
    CHECK(vendor.counts().jobs == 0);
    CHECK(difference().empty());
    CHECK(program.fields_of(failed).front().at("outcome") == "given_up");
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(bulk_scene, "sync process: SIGTERM during a bulk job ends the process at once, and the next one finishes the job") {
    vendor.set_job_time(1h);
    add_waiting(1, 200);
    {
        child_process first(CTMS_SYNC, bulk_variables());
        REQUIRE(first.logs("The vendor has begun a bulk job"));
        first.signal(SIGTERM);
        CHECK(first.wait(20s) == 0); // the job takes an hour
    }
    CHECK(value("select count(*) from ctms_bulk_job where job is not null and holder is null") == "1");
    vendor.end_jobs();
    child_process second(CTMS_SYNC, bulk_variables());
    REQUIRE(second.logs(ended));
    REQUIRE(becomes_empty());
    CHECK(vendor.counts().jobs == 1);
    CHECK(vendor.counts().during_job == 0);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(bulk_scene, "sync process: a process that does not look after a bulk job says so") {
    vendor.set_job_time(1h);
    add_waiting(1, 50);
    {
        child_process first(CTMS_SYNC, bulk_variables());
        REQUIRE(first.logs("The vendor has begun a bulk job"));
        first.signal(SIGTERM);
        CHECK(first.wait() == 0);
    }
    constexpr auto said =
        "A bulk job is under way, and its contacts wait. Only a ctms-sync without --once that has CTMS_ACOUSTIC_SFTP_USER and "
        "the other settings of the file server finishes it";
    SUBCASE("with --once") {
        child_process once(CTMS_SYNC, bulk_variables(), {"--once"});
        CHECK(once.wait() == 75);
        CHECK(once.fields_of(said).size() == 1);
        vendor.end_jobs();
        child_process program(CTMS_SYNC, bulk_variables());
        REQUIRE(becomes_empty());
        CHECK(difference().empty());
    }
    SUBCASE("without the account at the file server") {
        child_process program(CTMS_SYNC, variables());
        REQUIRE(program.logs(said));
        program.signal(SIGTERM);
        CHECK(program.wait() == 0);
        CHECK(value("select count(*) from ctms_bulk_job where job is not null") == "1");
    }
}

TEST_CASE_FIXTURE(bulk_scene, "sync process: the metrics of bulk jobs") {
    add_waiting(1, 50);
    child_process program(CTMS_SYNC, bulk_variables({{"CTMS_BACKGROUND_METRICS_PORT", "0"}}));
    REQUIRE(program.logs(ended));
    const auto port = program.fields_of("Listening for metrics requests").at(0).at("port").as_int64();
    child_process curl("curl", {}, {"-s", fmt::format("http://127.0.0.1:{}/metrics", port)});
    REQUIRE(curl.wait() == 0);
    const auto text = curl.output();
    for (const auto* series :
         {"ctms_sync_bulk_job_running{", "ctms_sync_bulk_jobs_total{", "outcome=\"imported\"} 1", "ctms_sync_bulk_imported_total{",
          "ctms_sync_bulk_refused_total{", "ctms_sync_bulk_job_duration_seconds{", "method=\"import_list\""}) {
        CAPTURE(series);
        CHECK(text.find(series) != std::string::npos);
    }
}

TEST_CASE_FIXTURE(bulk_scene, "sync process: settings that a bulk job needs are checked at the start") {
    for (const std::string name : {"CTMS_ACOUSTIC_SFTP_USER", "CTMS_ACOUSTIC_SFTP_KNOWN_HOSTS", "CTMS_ACOUSTIC_SFTP_KEY"}) {
        CAPTURE(name);
        auto without = bulk_variables();
        without.erase(name);
        child_process program(CTMS_SYNC, without);
        CHECK(program.wait() == 78);
        const auto missing = name == "CTMS_ACOUSTIC_SFTP_KEY" ? "CTMS_ACOUSTIC_SFTP_PASSWORD" : name;
        CHECK(program.log().find(missing + ": not set") != std::string::npos);
    }
}
