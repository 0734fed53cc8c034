// SPDX-License-Identifier: MPL-2.0
// The log line of each contact: its fields, and what it must not contain.
#include "sync_fixture.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>

using namespace ctms;
using namespace std::chrono_literals;
using test::sync_fixture;
using kind = test::fake_fault::kind;
namespace json = boost::json;

namespace {

constexpr const char* success = "Successfully sync'd contact to acoustic...";
constexpr const char* failure = "Failure for contact in sync to acoustic...";

struct log_fixture : sync_fixture {
    /// The newest line of a contact.
    json::object line(int number) {
        const auto lines = log_lines();
        const auto found = std::find_if(lines.rbegin(), lines.rend(), [&](const auto& one) {
            return one.at("Fields").as_object().at("email_id").as_string() == std::string_view(id(number));
        });
        REQUIRE(found != lines.rend());
        return *found;
    }
    /// Its fields in alphabetical order, one per line. Durations are checked and replaced with "seconds".
    std::string fields(int number) {
        std::vector<std::string> out;
        auto members = line(number).at("Fields").as_object();
        CHECK(members.contains("trace_id") == members.contains("main_status"));
        members.erase("trace_id"); // never the same
        for (const auto& [name, value] : members) {
            const std::string key(name);
            std::string text = json::serialize(value);
            if (key.ends_with("_duration_s")) {
                const auto seconds = value.to_number<double>();
                CHECK(seconds >= 0);
                CHECK(seconds < 10);
                CHECK(text.size() - std::min(text.find('.'), text.size()) <= 4 + 2); // milliseconds, or an exponent
                text = "seconds";
            }
            out.push_back(key + "=" + text);
        }
        std::sort(out.begin(), out.end());
        std::string all;
        for (const auto& one : out) all += one + "\n";
        return all;
    }
    /// What fields() should return: the given lines and those that all cases have in common.
    static std::string expected(int number, const char* message, std::vector<std::string> lines) {
        lines.push_back(fmt::format("email_id=\"{}\"", id(number)));
        lines.push_back(fmt::format("msg=\"{}\"", message));
        lines.push_back(fmt::format("success={}", message == std::string_view(success)));
        std::sort(lines.begin(), lines.end());
        std::string all;
        for (const auto& one : lines) all += one + "\n";
        return all;
    }
    void account(int number, const model::text& created_date) {
        change(number, [&](model::contact& one) {
            one.fxa.emplace();
            one.fxa->fxa_id = fmt::format("account{}", number);
            one.fxa->created_date = created_date;
        });
    }
};

const std::vector<std::string> main_only{"main_status=\"success\"", "main_duration_s=seconds", "newsletter_count=0", "product_count=0"};

std::vector<std::string> with(std::vector<std::string> lines, const std::vector<std::string>& more) {
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
}

} // namespace

TEST_CASE_FIXTURE(log_fixture, "sync log: a traced contact with all fields") {
    add(1, 1, {"app-dev", "common-voice", "unmapped-two", "unmapped-one"});
    pay(1, {"prod_a", "prod_b"});
    change(1, [](model::contact& one) {
        one.email.primary_email = "Max+trace-me-mozilla-1@example.com";
        one.fxa->created_date = "2021-11-08T21:20:15.187Z";
    });
    cycle();
    const auto all = line(1);
    CHECK(all.at("Severity").as_int64() == 7);
    CHECK(all.at("Type").as_string() == "ctms.acoustic_service");
    CHECK(all.at("Logger").as_string() == "ctms");
    CHECK(fields(1) == expected(1, success,
                                {"trace=\"Max+trace-me-mozilla-1@example.com\"", "fxa_created_date_converted=\"success\"",
                                 "newsletters_skipped=[\"unmapped-one\",\"unmapped-two\"]", "newsletter_count=2", "product_count=2",
                                 "main_status=\"success\"", "main_duration_s=seconds", "newsletter_status=\"success\"",
                                 "newsletter_duration_s=seconds", "product_status=\"success\"", "product_duration_s=seconds"}));
}

TEST_CASE_FIXTURE(log_fixture, "sync log: only tables that were sent have a status") {
    add(1, 1, {});
    SUBCASE("only the main table") {
        cycle();
        CHECK(fields(1) == expected(1, success, main_only));
    }
    SUBCASE("nothing, because the vendor has everything") {
        options.skip_unchanged = true;
        cycle();
        request(1, 1);
        cycle();
        CHECK(fields(1) == expected(1, success, {"newsletter_count=0", "product_count=0"}));
    }
    SUBCASE("a deletion") {
        change(1, [](model::contact& one) { one.newsletters.emplace_back().name = "app-dev"; });
        cycle();
        remove(1);
        cycle();
        CHECK(fields(1) ==
              expected(1, success,
                       with(main_only, {"operation=\"delete\"", "newsletter_status=\"success\"", "newsletter_duration_s=seconds"})));
    }
}

TEST_CASE_FIXTURE(log_fixture, "sync log: a failure has severity 3, the table and the reason") {
    add(1, 1);
    add(2, 2, {});
    pay(1, {"prod_a"});
    SUBCASE("in the main table") {
        fault(kind::fault_answer, "AddRecipient", id(1), 121, -1, "Invalid email address");
        cycle();
        CHECK(fields(1) == expected(1, failure,
                                    {"main_status=\"failure\"", "main_duration_s=seconds", "newsletter_count=2", "product_count=1",
                                     "exception=\"permanent failure: main: error 121: Invalid email address\"",
                                     "fxa_created_date_converted=\"skipped\"", "fxa_created_date_type=null"}));
    }
    SUBCASE("in the newsletter table") {
        fault(kind::row_transient, "InsertUpdateRelationalTable", "app-dev", 0, -1, "later");
        cycle();
        CHECK(fields(1) == expected(1, failure,
                                    {"main_status=\"success\"", "main_duration_s=seconds", "newsletter_status=\"failure\"",
                                     "newsletter_duration_s=seconds", "product_status=\"success\"", "product_duration_s=seconds",
                                     "newsletter_count=2", "product_count=1", "exception=\"transient failure: newsletter: later\"",
                                     "fxa_created_date_converted=\"skipped\"", "fxa_created_date_type=null"}));
    }
    CHECK(line(1).at("Severity").as_int64() == 3);
    CHECK(line(2).at("Severity").as_int64() == 7);
}

TEST_CASE_FIXTURE(log_fixture, "sync log: how the creation date of an account was converted") {
    add(1, 1, {});
    std::vector<std::string> lines;
    SUBCASE("converted") {
        account(1, "2021-11-08T21:20:15.187Z");
        lines = {"fxa_created_date_converted=\"success\""};
    }
    SUBCASE("not a date") {
        account(1, "no date at all");
        lines = {"fxa_created_date_converted=\"failure\""};
    }
    SUBCASE("missing") {
        account(1, std::nullopt);
        lines = {"fxa_created_date_converted=\"skipped\"", "fxa_created_date_type=null"};
    }
    SUBCASE("not configured") {
        account(1, "2021-11-08T21:20:15.187Z");
        link.execute("delete from acoustic_field where field = 'fxa_created_date'");
        lines = {"skipped_fields=[\"fxa.created_date\"]"};
    }
    cycle();
    CHECK(fields(1) == expected(1, success, with(main_only, lines)));
}

TEST_CASE_FIXTURE(log_fixture, "sync log: skipped fields are listed in alphabetical order") {
    add(1, 1, {});
    link.execute("delete from acoustic_field where field in ('sfdc_id', 'first_name', 'email_lang')");
    cycle();
    CHECK(fields(1) ==
          expected(1, success, with(main_only, {"skipped_fields=[\"email.email_lang\",\"email.first_name\",\"email.sfdc_id\"]"})));
}

TEST_CASE_FIXTURE(log_fixture, "sync log: only traced lines contain addresses, and the queue contains none") {
    add(1, 4);
    change(2, [](model::contact& one) { one.email.primary_email = "jo+trace_me_mozilla_1@example.com"; });
    fault(kind::fault_answer, "AddRecipient", id(1), 121, -1, "Invalid address user1@example.com");
    fault(kind::row_transient, "InsertUpdateRelationalTable", id(3), 0, -1, "Row of user3@example.com failed");
    fault(kind::fault_answer, "RemoveRecipient", "", 50, 1, "Cannot remove user4@example.com");
    cycle();
    remove(4);
    cycle();
    CHECK(fields(4).find("operation=\"delete\"") != std::string::npos);
    CHECK(fields(2).find("trace=\"jo+trace_me_mozilla_1@example.com\"") != std::string::npos);
    auto text = log_text() + value("select string_agg(last_error, ' ') from ctms_sync_queue");
    CHECK(text.find("Invalid address [OMITTED]") != std::string::npos);
    const std::string traced = "jo+trace_me_mozilla_1@example.com";
    for (auto at = text.find(traced); at != std::string::npos; at = text.find(traced)) text.erase(at, traced.size());
    CHECK(text.find('@') == std::string::npos);
    CHECK(text.find("user1") == std::string::npos);
}

TEST_CASE_FIXTURE(log_fixture, "sync log: each attempt writes one line") {
    add(1, 3);
    fault(kind::fault_answer, "AddRecipient", id(1), 50, 2);
    REQUIRE(run_until_idle());
    CHECK(log_lines().size() == 3 + 2);
}
