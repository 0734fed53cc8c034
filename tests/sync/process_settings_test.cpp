// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync: its options and settings, when it refuses to start, and its health file.
#include <support/becomes_true.hpp>
#include <support/sync_scene.hpp>
#include <support/vendor_compare.hpp>

#include <ctms/base/time.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/sync_admin.hpp>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <fmt/core.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto cycle_message = "sync_service cycle complete";

/// Removes all variables that concern the vendor.
environment without_account(environment variables) {
    std::erase_if(variables, [](const auto& one) { return one.first.starts_with("CTMS_ACOUSTIC_"); });
    return variables;
}

std::string content_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string out;
    std::getline(in, out, '\0');
    return out;
}

/// "2026-01-31T12:00:00.000000+00:00\n"
bool is_whole_time(const std::string& text) { return text.size() == 33 && text[10] == 'T' && text.ends_with("+00:00\n"); }

int health_of(const environment& variables, std::string& told) {
    child_process program(CTMS_SYNC, variables, {"--check-health"});
    const int code = program.wait();
    told = program.log();
    return code;
}

} // namespace

TEST_CASE_FIXTURE(sync_scene,
                  "sync process: when switched off, it empties the queue without sending, and the contacts can be queued again") {
    add_contacts(1, 5);
    link.execute(
        "insert into ctms_sync_queue (email_id, operation, primary_email) values (gen_random_uuid(), 'delete', 'gone@example.com')");
    auto variables = without_account(this->variables());
    variables["CTMS_ACOUSTIC_SYNC_FEATURE_FLAG"] = "false";
    bool by_flag = true;
    SUBCASE("by the flag") {}
    SUBCASE("by the flag, whatever the integration flag says") { variables["CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG"] = "true"; }
    SUBCASE("by the integration flag") {
        by_flag = false;
        variables["CTMS_ACOUSTIC_SYNC_FEATURE_FLAG"] = "true";
        variables["CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG"] = "false";
    }
    child_process program(CTMS_SYNC, variables, {"--once"});
    CHECK(program.wait() == 0);
    CHECK(boost::json::serialize(program.lines().at(0).at("Fields")) ==
          fmt::format(R"({{"sync_feature_flag":{},"msg":"Setting up sync_service."}})", !by_flag));
    const auto cycle = program.fields_of(cycle_message).at(0);
    CHECK(cycle.at("count_skipped") == 5);
    CHECK(cycle.at("count_total") == 5);
    CHECK_FALSE(cycle.contains("count_synced"));
    CHECK(queued() == 1); // the deletion
    CHECK(vendor.counts().connections == 0);
    child_process again(CTMS_SYNC, variables, {"--once"});
    CHECK(again.wait() == 0);
    CHECK(again.log().find("So far, 5 contacts were removed") != std::string::npos);
    CHECK(again.log().find("ctms-admin sync resync --skipped") != std::string::npos);
    // A contact that is deleted meanwhile is not queued again.
    REQUIRE(contacts.remove(numbered_contact(2).email.primary_email).has_value());
    ctms::persistence::database db(database.options());
    const auto report = ctms::service::sync_admin(db).resync_skipped();
    CHECK_FALSE(report.failure.has_value());
    CHECK(report.done.queued == 4);
    CHECK(value("select count(*) from ctms_sync_skipped") == "0");
    CHECK(value("select count(*) from ctms_sync_queue where priority = 10") == "4");
}

TEST_CASE_FIXTURE(sync_scene, "sync process: when paused, it keeps the queue and waits") {
    add_contacts(1, 2);
    auto variables = without_account(this->variables());
    variables["CTMS_ACOUSTIC_SYNC_PAUSED"] = "true";
    SUBCASE("without flags") {}
    SUBCASE("whatever the flags say") { variables["CTMS_ACOUSTIC_SYNC_FEATURE_FLAG"] = "false"; }
    child_process program(CTMS_SYNC, variables);
    REQUIRE(program.logs(cycle_message));
    CHECK(program.lines().at(0).at("Fields").at("paused") == true);
    CHECK(program.fields_of(cycle_message).at(0).at("sync_backlog") == 2);
    CHECK(program.wait(2s) == -1);
    CHECK(queued() == 2);
    CHECK(vendor.counts().connections == 0);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: it refuses to start without required settings and names all of them") {
    add_contacts(1, 1);
    auto variables = this->variables();
    std::vector<std::string> names;
    SUBCASE("the sync flag") { names = {"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG"}; }
    SUBCASE("the integration flag") { names = {"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG"}; }
    SUBCASE("the account") {
        names = {"CTMS_ACOUSTIC_CLIENT_ID",     "CTMS_ACOUSTIC_CLIENT_SECRET",       "CTMS_ACOUSTIC_REFRESH_TOKEN",
                 "CTMS_ACOUSTIC_MAIN_TABLE_ID", "CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID", "CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID"};
    }
    SUBCASE("the database") { names = {"CTMS_DB_URL"}; }
    for (const auto& name : names) variables.erase(name);
    child_process program(CTMS_SYNC, variables);
    CHECK(program.wait() == 78);
    for (const auto& name : names) {
        CAPTURE(name);
        CHECK(program.log().find("  " + name + ": ") != std::string::npos);
    }
    CHECK(program.log().find(fmt::format("{} mistake", names.size())) != std::string::npos);
    CHECK(queued() == 1);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: it refuses to start with times that contradict each other") {
    add_contacts(1, 1);
    environment wrong;
    const char* mistake = "";
    SUBCASE("a lease that a call may outlast") {
        wrong = {{"CTMS_ACOUSTIC_LEASE_S", "59"}};
        mistake = "CTMS_ACOUSTIC_LEASE_S: 59 is too short for CTMS_ACOUSTIC_TIMEOUT_S, which is 5";
    }
    SUBCASE("a timeout that the lease does not cover") {
        wrong = {{"CTMS_ACOUSTIC_TIMEOUT_S", "25.5"}, {"CTMS_ACOUSTIC_LEASE_S", "300"}};
        mistake = "use at least 306 (twelve times the timeout)";
    }
    SUBCASE("a watchdog that a call may outlast") {
        wrong = {{"CTMS_BACKGROUND_WATCHDOG_S", "19"}};
        mistake = "CTMS_BACKGROUND_WATCHDOG_S: 19 is too short for CTMS_ACOUSTIC_TIMEOUT_S, which is 5";
    }
    child_process program(CTMS_SYNC, variables(wrong), {"--once"});
    CHECK(program.wait() == 78);
    CHECK(program.log().find(mistake) != std::string::npos);
    CHECK(program.log().find("1 mistake") != std::string::npos);
    CHECK(queued() == 1);
    auto paused = variables(wrong); // makes no calls
    paused["CTMS_ACOUSTIC_SYNC_PAUSED"] = "true";
    child_process waits(CTMS_SYNC, paused, {"--check-config"});
    CHECK(waits.wait() == 0);
    child_process least(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_LEASE_S", "60"}, {"CTMS_BACKGROUND_WATCHDOG_S", "20"}}), {"--check-config"});
    CHECK(least.wait() == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: the defaults of the lease and the watchdog follow a long timeout") {
    child_process program(CTMS_SYNC, variables({{"CTMS_ACOUSTIC_TIMEOUT_S", "100"}}), {"--print-config"});
    CHECK(program.wait() == 0);
    CHECK(program.output().find("CTMS_ACOUSTIC_LEASE_S=1200\n") != std::string::npos);
    CHECK(program.output().find("CTMS_BACKGROUND_WATCHDOG_S=400\n") != std::string::npos);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: --help, --version and --print-config, which hides secrets") {
    child_process help(CTMS_SYNC, {}, {"--help"});
    CHECK(help.wait() == 0);
    for (const auto* flag : {"--once", "--dry-run", "--check-health", "--print-config", "--check-config", "--embedded", "--version"})
        CHECK(help.output().find(flag) != std::string::npos);
    CHECK(help.output().find("CTMS_ACOUSTIC_LEASE_S") != std::string::npos);
    child_process version(CTMS_SYNC, {}, {"--version"});
    CHECK(version.wait() == 0);
    CHECK(version.output().starts_with("ctms-sync "));
    child_process config(CTMS_SYNC, variables({{"CTMS_DB_URL", "postgresql://me:database-password@localhost/ctms"}}), {"--print-config"});
    CHECK(config.wait() == 0);
    CHECK(config.output().find("CTMS_ACOUSTIC_CLIENT_SECRET=[SECRET]\n") != std::string::npos);
    CHECK(config.output().find("CTMS_ACOUSTIC_BASE_URL=" + vendor.url()) != std::string::npos);
    for (const auto* secret : {"fake-secret", "fake-refresh", "database-password"}) {
        CHECK(config.output().find(secret) == std::string::npos);
        CHECK(config.log().find(secret) == std::string::npos);
    }
    child_process unknown(CTMS_SYNC, {}, {"--nonsense"});
    CHECK(unknown.wait() == 64);
}

TEST_CASE("sync process: --check-health reports what is wrong") {
    const temporary_directory place;
    const auto file = place.path() / "health";
    environment variables{{"CTMS_BACKGROUND_HEALTHCHECK_PATH", file.string()}, {"CTMS_BACKGROUND_HEALTHCHECK_AGE_S", "60"}};
    std::string text = ctms::to_iso(ctms::now()) + "\n";
    int code = 1;
    std::string reason;
    SUBCASE("a recent cycle") { code = 0; }
    SUBCASE("no path") {
        variables.erase("CTMS_BACKGROUND_HEALTHCHECK_PATH");
        reason = "CTMS_BACKGROUND_HEALTHCHECK_PATH is not set";
    }
    SUBCASE("no age") {
        variables.erase("CTMS_BACKGROUND_HEALTHCHECK_AGE_S");
        reason = "CTMS_BACKGROUND_HEALTHCHECK_AGE_S is not set";
    }
    SUBCASE("an age that is not a number") {
        variables["CTMS_BACKGROUND_HEALTHCHECK_AGE_S"] = "soon";
        reason = "CTMS_BACKGROUND_HEALTHCHECK_AGE_S is not set to a number";
    }
    SUBCASE("a cycle in the future") {
        text = ctms::to_iso(ctms::now() + 2h) + "\n";
        reason = "in the future: the clock was set back";
    }
    SUBCASE("no file") {
        text.clear();
        reason = "cannot be read";
    }
    SUBCASE("a file without a time") {
        text = "nonsense that is long\n";
        reason = "does not contain a time";
    }
    SUBCASE("a file with too little text") {
        text = "2026\n";
        reason = "does not contain a time";
    }
    SUBCASE("an old time") {
        text = ctms::to_iso(ctms::now() - 61s) + "\n";
        reason = " s ago; at most 60 s are allowed";
    }
    if (!text.empty()) std::ofstream(file) << text;
    std::string told;
    CHECK(health_of(variables, told) == code);
    CHECK(told.find(reason) != std::string::npos);
    if (reason.ends_with("allowed")) CHECK(told.find("the last cycle ended 6") != std::string::npos); // 61, or more on a slow machine
    CHECK(told.empty() == (code == 0));
}

TEST_CASE_FIXTURE(sync_scene, "sync process: the health file exists at the start and is updated by each cycle") {
    const temporary_directory place;
    const auto file = place.path() / "health";
    vendor.set_latency(1s);
    add_contacts(1, 1);
    child_process program(CTMS_SYNC, variables({{"CTMS_BACKGROUND_HEALTHCHECK_PATH", file.string()},
                                                {"CTMS_BACKGROUND_HEALTHCHECK_AGE_S", "60"},
                                                {"CTMS_ACOUSTIC_LOOP_MIN_SECS", "0"}}));
    REQUIRE(becomes_true([&] { return vendor.counts().calls.contains("AddRecipient"); }));
    const auto at_start = content_of(file);
    CHECK(is_whole_time(at_start));
    CHECK(program.fields_of(cycle_message).empty());
    REQUIRE(program.logs(cycle_message));
    REQUIRE(becomes_true([&] { return content_of(file) > at_start; }));
    std::string last;
    int changes = 0;
    int torn = 0;
    CHECK(becomes_true(
        [&] {
            for (int i = 0; i < 200; ++i) {
                const auto text = content_of(file);
                torn += is_whole_time(text) ? 0 : 1;
                changes += text > last ? 1 : 0;
                last = text;
            }
            return changes > 5;
        },
        40s));
    CHECK(torn == 0);
    std::string told;
    CHECK(health_of({{"CTMS_BACKGROUND_HEALTHCHECK_PATH", file.string()}, {"CTMS_BACKGROUND_HEALTHCHECK_AGE_S", "60"}}, told) == 0);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: the health file is not written through a planted symbolic link, and has its mode") {
    const temporary_directory place;
    const auto file = place.path() / "health";
    const auto victim = place.path() / "victim";
    std::ofstream(victim) << "precious";
    for (const auto* name : {"health", "health.new"}) std::filesystem::create_symlink(victim, place.path() / name);
    const auto before = ::umask(0077);
    child_process program(CTMS_SYNC, variables({{"CTMS_BACKGROUND_HEALTHCHECK_PATH", file.string()}}), {"--once"});
    ::umask(before);
    CHECK(program.wait() == 0);
    CHECK(content_of(victim) == "precious");
    CHECK(is_whole_time(content_of(file)));
    struct stat info {};
    REQUIRE(::lstat(file.c_str(), &info) == 0);
    CHECK(S_ISREG(info.st_mode));
    CHECK((info.st_mode & 07777U) == 0644U);
}

TEST_CASE_FIXTURE(sync_scene, "sync process: a health file that cannot be written is logged and the sync continues") {
    add_contacts(1, 1);
    child_process program(CTMS_SYNC, variables({{"CTMS_BACKGROUND_HEALTHCHECK_PATH", "/nowhere/at/all"}}), {"--once"});
    CHECK(program.wait() == 0);
    CHECK(!program.fields_of("/nowhere/at/all cannot be written").empty());
    CHECK(vendor_difference(database.options(), vendor).empty());
}
