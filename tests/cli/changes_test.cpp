// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <ctms/persistence/database.hpp>
#include <ctms/service/contacts.hpp>
#include <support/becomes_true.hpp>
#include <support/child_process.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// ctms-admin with the rights of its own account, and a database to which contacts are added.
class feed {
public:
    [[nodiscard]] child_process follow(std::vector<std::string> more = {}) const {
        std::vector<std::string> arguments{"changes", "follow"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return {CTMS_ADMIN, {{"CTMS_DB_URL", database_.url(ctms::persistence::program_account::admin)}}, arguments};
    }
    std::string add(const std::string& address) {
        ctms::model::contact_input input;
        input.email.primary_email = address;
        return contacts_.create(input).value().contact.email.email_id.to_string();
    }

private:
    test_database database_;
    ctms::persistence::database db_{database_.options()};
    ctms::service::contacts contacts_{db_, nullptr, ctms::metrics::null_recorder(), nullptr};
};

bool prints(const child_process& program, const std::string& text) {
    return becomes_true([&] { return program.output().find(text) != std::string::npos; });
}

/// Ends the program as Ctrl-C does, and returns the place that it prints.
std::string place_after(child_process& program) {
    program.signal(SIGINT);
    CHECK(program.wait() == 0);
    const auto log = program.log();
    const std::string before = "go on with --after ";
    const auto at = log.find(before);
    REQUIRE(at != std::string::npos);
    return log.substr(at + before.size(), log.find('\n', at) - at - before.size());
}

} // namespace

TEST_CASE("changes follow prints changes as they happen, without addresses, and goes on after a place") {
    feed contacts;
    const auto first = contacts.add("a@example.com");
    auto text = contacts.follow();
    CHECK(prints(text, first));
    const auto second = contacts.add("b@example.com");
    CHECK(prints(text, second));
    CHECK(text.output().find("  created  " + first) != std::string::npos);
    CHECK(text.output().find("example.com") == std::string::npos);
    const auto place = place_after(text);

    const auto third = contacts.add("c@example.com");
    auto json = contacts.follow({"--json", "--after", place});
    CHECK(prints(json, third));
    CHECK(json.output().find(second) == std::string::npos);
    const auto output = json.output();
    const auto line = boost::json::parse(output.substr(0, output.find('\n')));
    CHECK(line.at("email_id").as_string() == third);
    CHECK(line.at("change") == "created");
    CHECK(!place_after(json).empty());
}

TEST_CASE("changes follow refuses a wrong place") {
    feed contacts;
    auto wrong = contacts.follow({"--after", "x"});
    CHECK(wrong.wait() == 64);
    CHECK(wrong.log().find("not a cursor") != std::string::npos);
    // A place of another database: version 1, an epoch, in the feed, a transaction, a contact.
    auto gone = contacts.follow({"--after", "MSwwMDAwLGYsMSwzZjBjN2U2YS0yYjFkLTRjNTgtOWE0Ny02MGU1ZDFmMjhiOTM"});
    CHECK(gone.wait() == 65);
    CHECK(gone.log().find("begin again without") != std::string::npos);
}
