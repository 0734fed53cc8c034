// SPDX-License-Identifier: MPL-2.0
#include <support/contacts_admin.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr int many = 100'000;

void write_contacts(const std::string& path) {
    std::ofstream out(path);
    for (int number = 1; number <= many; ++number) {
        out << fmt::format(
                   R"({{"email":{{"email_id":"{}","primary_email":"person{}@example.com","first_name":"Jane"}},)"
                   R"("newsletters":[{{"name":"hubs"}},{{"name":"miti","format":"T"}}]{}}})",
                   contact_id(number), number,
                   number % 10 == 0
                       ? fmt::format(R"(,"fxa":{{"fxa_id":"fxa{0}"}},"amo":{{"user_id":"{0}"}},"vpn_waitlist":{{"geo":"fr"}})", number)
                       : std::string())
            << '\n';
    }
}

std::int64_t member(const outcome& run, const char* name) { return boost::json::parse(run.out).at(name).to_number<std::int64_t>(); }

/// Starts an import with an option, sends it a signal when it has stored some contacts, and returns its wait status.
int import_with_signal(contacts_admin& run, const std::string& file, int signal, const char* option = "--json") {
    const auto variable = "CTMS_DB_URL=" + run.url();
    const pid_t child = ::fork();
    if (child == 0) {
        ::execle(CTMS_ADMIN, CTMS_ADMIN, "contacts", "import", option, file.c_str(), nullptr,
                 std::array<const char*, 2>{variable.c_str(), nullptr}.data());
        ::_exit(127);
    }
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (run.count("emails") == "0" && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

} // namespace

TEST_CASE("many contacts are dumped to another database, suppressed and deleted") {
    contacts_admin from;
    write_contacts(from.path("contacts.ndjson"));
    const auto imported = from({"contacts", "import", "--json", from.path("contacts.ndjson")});
    CHECK(imported.exit_code == 0);
    CHECK(member(imported, "created") == many);

    contacts_admin to;
    REQUIRE(from({"contacts", "dump", "-o", to.path("dump.ndjson")}).exit_code == 0);
    CHECK(member(to({"contacts", "import", "--json", "--jobs", "3", "--batch", "777", to.path("dump.ndjson")}), "created") == many);
    CHECK(to.everything() == from.everything());

    std::string half;
    for (int number = 1; number <= many; number += 2) half += fmt::format("PERSON{}@example.com\n", number);
    const auto suppressed = from({"suppress", "--yes", "--json", from.file("half", half)});
    CHECK(member(suppressed, "suppressed") == many / 2);
    CHECK(from.count("emails where has_opted_out_of_email") == std::to_string(many / 2));
    const auto deleted = from({"contacts", "delete-bulk", "--yes", from.path("half")});
    CHECK(deleted.exit_code == 0);
    CHECK(from.count("emails") == std::to_string(many / 2));
    CHECK(from.count("newsletters") == std::to_string(many));
    CHECK(from.count("ctms_sync_queue where operation = 'delete'") == std::to_string(many / 2));
}

TEST_CASE("an import that was killed or stopped is completed by running it again") {
    contacts_admin run;
    write_contacts(run.path("contacts.ndjson"));
    const auto killed = import_with_signal(run, run.path("contacts.ndjson"), SIGKILL);
    CHECK(WIFSIGNALED(killed));
    // Every stored contact is complete.
    CHECK(run.select("select (2 * (select count(*) from emails) - (select count(*) from newsletters))::text") == "0");
    CHECK(run.select("select ((select count(*) from emails) - (select count(*) from ctms_sync_queue))::text") == "0");

    run.execute("truncate emails cascade; truncate ctms_sync_queue");
    const auto stopped = import_with_signal(run, run.path("contacts.ndjson"), SIGINT);
    REQUIRE(WIFEXITED(stopped));
    CHECK(WEXITSTATUS(stopped) == 75);
    const auto there = std::stoll(run.count("emails"));
    CHECK(there > 0);
    CHECK(there < many);
    const auto again = run({"contacts", "import", "--json", run.path("contacts.ndjson")});
    CHECK(again.exit_code == 0);
    CHECK(member(again, "unchanged") == there);
    CHECK(member(again, "created") == many - there);
    CHECK(run.count("newsletters") == std::to_string(2 * many));
    CHECK(run.count("ctms_sync_queue") == std::to_string(many));
}

TEST_CASE("an import that waits because of its rate can be stopped at once") {
    contacts_admin run;
    write_contacts(run.path("contacts.ndjson"));
    const auto stopped = import_with_signal(run, run.path("contacts.ndjson"), SIGINT, "--rate=1"); // would take a day
    REQUIRE(WIFEXITED(stopped));
    CHECK(WEXITSTATUS(stopped) == 75);
    CHECK(std::stoll(run.count("emails")) < many);
}
