// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync: its cycles and the lines it logs about them.
#include <support/becomes_true.hpp>
#include <support/fake_sentry.hpp>
#include <support/sync_scene.hpp>
#include <support/vendor_compare.hpp>

#include <persistence/sync/sync_request_sql.hpp>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <sstream>

using namespace ctms::test;
namespace persistence = ctms::persistence;
using namespace std::chrono_literals;

namespace {

constexpr auto cycle_message = "sync_service cycle complete";
constexpr auto synced_message = "Successfully sync'd contact to acoustic...";

/// The names of the fields, in order, separated by spaces.
std::string names_of(const boost::json::object& fields) {
    std::string out;
    for (const auto& [name, value] : fields) out += (out.empty() ? "" : " ") + std::string(name);
    return out;
}

/// Checks that the value is in seconds, rounded to milliseconds.
void check_seconds(const boost::json::value& value) {
    const auto seconds = value.to_number<double>();
    CHECK(seconds >= 0);
    CHECK(std::abs((seconds * 1000) - std::round(seconds * 1000)) < 1e-6);
}

/// Runs one pass and returns the fields of its cycles.
std::vector<boost::json::object> cycles_of_one_pass(const environment& variables) {
    child_process program(CTMS_SYNC, variables, {"--once"});
    REQUIRE(program.wait() == 0);
    return program.fields_of(cycle_message);
}

} // namespace

TEST_CASE_FIXTURE(sync_scene, "sync process: the first line and the line of each cycle match the deployment guide") {
    add_contacts(1, 3);
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_BATCH_LIMIT", "20"}, {"CTMS_ACOUSTIC_RETRY_LIMIT", "6"}}), {"--once"});
    REQUIRE(program.wait() == 0);
    const auto lines = program.lines();
    REQUIRE(!lines.empty());
    const auto& first = lines.front();
    CHECK(names_of(first) == "Timestamp Type Logger Hostname EnvVersion Severity Pid Fields");
    CHECK(first.at("Type") == "ctms.bin.acoustic_sync");
    CHECK(first.at("Severity") == 6);
    CHECK(boost::json::serialize(first.at("Fields")) == R"({"sync_feature_flag":true,"msg":"Setting up sync_service."})");
    const auto cycles = program.fields_of(cycle_message);
    REQUIRE(cycles.size() == 2);
    CHECK(names_of(cycles[0]) == "loop_duration_s loop_sleep_s batch_limit retry_limit end_time sync_backlog retry_backlog "
                                 "count_total count_synced msg");
    CHECK(names_of(cycles[1]) == "loop_duration_s loop_sleep_s batch_limit retry_limit end_time sync_backlog retry_backlog "
                                 "count_total trivial msg");
    CHECK(cycles[0].at("batch_limit") == 20);
    CHECK(cycles[0].at("retry_limit") == 6);
    CHECK(cycles[0].at("end_time") == "now");
    CHECK(cycles[0].at("sync_backlog") == 3);
    CHECK(cycles[0].at("retry_backlog") == 0);
    CHECK(cycles[0].at("count_total") == 3);
    CHECK(cycles[0].at("count_synced") == 3);
    CHECK(cycles[1].at("trivial") == true);
    CHECK(cycles[1].at("count_total") == 0);
    for (const auto& cycle : cycles) {
        check_seconds(cycle.at("loop_duration_s"));
        check_seconds(cycle.at("loop_sleep_s"));
        CHECK(cycle.at("loop_duration_s").to_number<double>() + cycle.at("loop_sleep_s").to_number<double>() ==
              doctest::Approx(5.0).epsilon(0.01));
    }
    CHECK(vendor_difference(database.options(), vendor).empty());
}

TEST_CASE_FIXTURE(sync_scene, "sync process: each contact has a line at level DEBUG") {
    add_contacts(1, 3);
    add_product(3);
    child_process program(CTMS_SYNC, variables(), {"--once"});
    REQUIRE(program.wait() == 0);
    std::map<std::string, boost::json::object> by_contact;
    for (const auto& line : program.lines()) {
        if (line.at("Type") != "ctms.acoustic_service") continue;
        CHECK(line.at("Severity") == 7);
        const auto& fields = line.at("Fields").as_object();
        by_contact[std::string(fields.at("email_id").as_string())] = fields;
    }
    REQUIRE(by_contact.size() == 3);
    const auto& plain = by_contact[numbered_id(1)];
    CHECK(names_of(plain) == "success newsletters_skipped trace_id email_id newsletter_count product_count main_status main_duration_s "
                             "newsletter_status newsletter_duration_s msg");
    CHECK(plain.at("success") == true);
    CHECK(plain.at("msg") == synced_message);
    CHECK(plain.at("newsletter_count") == 2);
    CHECK(plain.at("product_count") == 0);
    CHECK(boost::json::serialize(plain.at("newsletters_skipped")) == R"(["without-mapping"])");
    const auto& paying = by_contact[numbered_id(3)];
    CHECK(paying.at("fxa_created_date_converted") == "success");
    CHECK(paying.at("product_count") == 1);
    CHECK(paying.at("product_status") == "success");
    check_seconds(paying.at("product_duration_s"));
    CHECK(program.log().find("@example.com") == std::string::npos);

    link.execute(persistence::request_sync_sql(persistence::queue_priority::write, "emails"));
    child_process quiet(CTMS_SYNC, variables({{"CTMS_LOGGING_LEVEL", "INFO"}}), {"--once"});
    REQUIRE(quiet.wait() == 0);
    CHECK(quiet.fields_of(synced_message).empty());
    CHECK(quiet.fields_of(cycle_message).size() == 2);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: a contact that fails has a line at level ERROR, with the reason and no address") {
    add_contacts(1, 2);
    fake_fault invalid;
    invalid.number = 121;
    invalid.text = "Invalid address contact1@example.com";
    invalid.holds = numbered_id(1);
    invalid.method = "AddRecipient";
    vendor.add_fault(invalid);
    child_process program(CTMS_SYNC, variables(), {"--once"});
    CHECK(program.wait() == 0);
    const auto failures = program.fields_of("Failure for contact in sync to acoustic...");
    REQUIRE(failures.size() == 1);
    CHECK(names_of(failures[0]) ==
          "success newsletters_skipped trace_id email_id newsletter_count product_count main_status main_duration_s exception msg");
    CHECK(failures[0].at("success") == false);
    CHECK(failures[0].at("main_status") == "failure");
    CHECK(failures[0].at("email_id") == numbered_id(1).c_str());
    for (const auto& line : program.lines()) {
        if (line.at("Fields").at("msg") == "Failure for contact in sync to acoustic...") CHECK(line.at("Severity") == 3);
    }
    CHECK(program.log().find("@example.com") == std::string::npos);
    const auto cycles = program.fields_of(cycle_message);
    CHECK(cycles.at(0).at("count_exception") == 1);
    CHECK(cycles.at(0).at("count_synced") == 1);
    CHECK_FALSE(cycles.at(0).contains("count_retry"));
    CHECK(value("select state from ctms_sync_queue") == "parked");
}

TEST_CASE_FIXTURE(sync_scene, "sync process: a contact that fails is reported to Sentry, without an address") {
    add_contacts(1, 1);
    fake_fault invalid;
    invalid.number = 121;
    invalid.text = "Invalid address contact1@example.com";
    invalid.method = "AddRecipient";
    vendor.add_fault(invalid);
    const fake_sentry sentry;
    child_process program(CTMS_SYNC, variables({{"SENTRY_DSN", sentry.dsn()}, {"SENTRY_ENVIRONMENT", "stage"}}), {"--once"});
    program.wait();
    REQUIRE(sentry.requests().size() == 1);
    const auto event = sentry.event(0);
    CHECK(event.at("environment") == "stage");
    CHECK(event.at("release").as_string().starts_with("ctms@"));
    CHECK(event.at("tags").at("program") == "ctms-sync");
    CHECK(event.at("logger") == "ctms.acoustic_service");
    CHECK(event.at("message").at("formatted") == "Failure for contact in sync to acoustic...");
    CHECK(event.at("exception").at("values").at(0).at("type") == "permanent failure");
    CHECK(sentry.requests().at(0).find("@example.com") == std::string::npos);
    CHECK(sentry.requests().at(0).find(value("select email_id from emails")) == std::string::npos);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: contacts to be retried are counted, and are in the backlog of the next pass") {
    add_contacts(1, 2);
    fake_fault later;
    later.what = fake_fault::kind::row_transient;
    later.holds = numbered_id(2);
    vendor.add_fault(later);
    {
        child_process program(CTMS_SYNC, variables(), {"--once"});
        CHECK(program.wait() == 75); // a contact that was due has not been delivered
        const auto cycles = program.fields_of(cycle_message);
        CHECK(cycles.at(0).at("count_retry") == 1);
        CHECK(cycles.at(0).at("count_synced") == 1);
        CHECK(cycles.at(0).at("retry_backlog") == 0);
    }
    {
        link.execute("update ctms_sync_queue set next_attempt_at = now()");
        child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_RETRY_WAIT_S", "0"}}), {"--once"});
        CHECK(program.wait() == 0); // the queue is empty: the contact was parked after more attempts
        CHECK(value("select state from ctms_sync_queue") == "parked");
    }
    vendor.clear_faults();
    link.execute(persistence::request_sync_sql(persistence::queue_priority::write, "ctms_sync_queue"));
    link.execute("update ctms_sync_queue set retry = 1, last_error = 'failed'");
    const auto cycles = cycles_of_one_pass(variables());
    CHECK(cycles.at(0).at("retry_backlog") == 1);
    CHECK(cycles.at(0).at("count_synced") == 1);
    CHECK(vendor_difference(database.options(), vendor).empty());
}

TEST_CASE_FIXTURE(
    sync_scene, "sync process: loop_sleep_s is never negative, and there is no sleep after a full batch, and a second after an empty one") {
    vendor.set_latency(300ms);
    add_contacts(1, 5);
    const auto cycles = cycles_of_one_pass(variables({{"CTMS_ACOUSTIC_BATCH_LIMIT", "2"}, {"CTMS_ACOUSTIC_LOOP_MIN_SECS", "0"}}));
    REQUIRE(cycles.size() == 4);
    for (const auto& cycle : cycles) CHECK(cycle.at("loop_sleep_s").to_number<double>() == (cycle.contains("trivial") ? 1 : 0));
    const auto slow = cycles_of_one_pass(variables({{"CTMS_ACOUSTIC_BATCH_LIMIT", "20"}, {"CTMS_ACOUSTIC_LOOP_MIN_SECS", "1"}}));
    CHECK(slow.at(0).at("loop_sleep_s").to_number<double>() > 0.9);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: a pass exits with 75 when the vendor is down and with 69 without a database") {
    int waiting = 0;
    SUBCASE("one contact") { waiting = 1; }
    SUBCASE("many contacts") { waiting = 30; }
    add_contacts(1, waiting);
    vendor.set_down(true);
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_TIMEOUT_S", "1"}}), {"--once"});
    CHECK(program.wait() == 75);
    CHECK(queued() == waiting);
    CHECK(value("select count(*) from ctms_sync_queue where retry > 0 or state = 'parked' or claimed_by is not null") == "0");
    const temporary_directory nowhere;
    child_process lost(CTMS_SYNC, variables({{"CTMS_DB_URL", "postgresql:///ctms?host=" + nowhere.path().string()}}), {"--once"});
    CHECK(lost.wait() == 69);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: --dry-run prints what would be sent and changes nothing") {
    add_contacts(1, 3);
    add_product(3);
    const auto state = "select string_agg(q::text, '/' order by email_id) from ctms_sync_queue q";
    const auto before = value(state);
    child_process program(CTMS_SYNC, variables(), {"--dry-run"});
    CHECK(program.wait() == 0);
    const auto printed = program.output();
    std::vector<std::string> calls;
    std::istringstream lines(printed);
    for (std::string line; std::getline(lines, line);) calls.push_back(line);
    REQUIRE(calls.size() == 5);
    for (int i = 0; i < 3; ++i) CHECK(calls[std::size_t(i)].find("<AddRecipient><LIST_ID>1001</LIST_ID>") != std::string::npos);
    CHECK(calls[3].find("<InsertUpdateRelationalTable><TABLE_ID>1002</TABLE_ID>") != std::string::npos);
    CHECK(calls[4].find("<TABLE_ID>1003</TABLE_ID>") != std::string::npos);
    CHECK(value(state) == before);
    CHECK(vendor.counts().calls.empty());
    CHECK(vendor.counts().connections == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: a contact that is written while the loop sleeps is sent within about a second") {
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_LOOP_MIN_SECS", "60"}}));
    REQUIRE(program.logs(cycle_message));
    const auto planned = program.fields_of(cycle_message).front().at("loop_sleep_s").to_number<double>();
    CHECK(planned > 59);
    auto best = std::chrono::steady_clock::duration::max(); // a busy machine may delay some, but not all
    for (int n = 1; n <= 3; ++n) {
        const auto written = std::chrono::steady_clock::now();
        add_contacts(n, n);
        REQUIRE(becomes_true([&] { return queued() == 0; }));
        best = std::min(best, std::chrono::steady_clock::now() - written);
    }
    CHECK(best < 2s);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
    CHECK(vendor_difference(database.options(), vendor).empty());
}
