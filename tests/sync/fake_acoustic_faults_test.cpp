// SPDX-License-Identifier: MPL-2.0
// The faults that the fake vendor injects.
#include <support/fake_acoustic.hpp>
#include <support/fake_acoustic_faults.hpp>
#include <support/vendor_calls.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <stdexcept>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

const std::string good = add_recipient("1", "a@b");
const std::string three_rows =
    insert_rows("1002", row("1", "newsletter_name", "x") + row("2", "newsletter_name", "x") + row("3", "newsletter_name", "x"));

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

struct faulty_vendor {
    explicit faulty_vendor(std::string_view fault) { vendor.add_fault(parse_fault(fault)); }

    fake_acoustic vendor;
    vendor_caller caller{vendor.port()};
};

} // namespace

TEST_CASE("a Fault is answered as many times as requested") {
    faulty_vendor test("fault_answer=145,times=2,text=Session has expired");
    for (int i = 0; i < 2; ++i) {
        const auto answer = test.caller.call(good);
        CHECK(answer.status == 200);
        CHECK(holds(answer.body, "<FaultString>Session has expired</FaultString>"));
        CHECK(holds(answer.body, "<errorid>145</errorid>"));
        CHECK(test.vendor.contacts().empty());
    }
    CHECK(holds(test.caller.call(good).body, "TRUE"));
    CHECK(test.vendor.contacts().size() == 1);
}

TEST_CASE("a fault affects only the method and the text that it names") {
    faulty_vendor test("status=503,method=AddRecipient,holds=>1<");
    CHECK(test.caller.call(good).status == 503);
    CHECK(test.caller.call(add_recipient("2", "a@b")).status == 200);
    CHECK(test.caller.call(three_rows).status == 200);
    test.vendor.clear_faults();
    CHECK(test.caller.call(good).status == 200);
}

TEST_CASE("an injected HTTP status has an HTML body and the call has no effect") {
    faulty_vendor test("status");
    const auto answer = test.caller.call(good);
    CHECK(answer.status == 500);
    CHECK(answer.header("content-type") == "text/html");
    CHECK(test.vendor.contacts().empty());
}

TEST_CASE("an answer can be empty or not XML") {
    faulty_vendor test("empty_body,times=1");
    test.vendor.add_fault(parse_fault("no_xml,times=1"));
    CHECK(test.caller.call(good).body.empty());
    CHECK(holds(test.caller.call(good).body, "busy"));
    CHECK(test.vendor.contacts().empty());
    CHECK(holds(test.caller.call(good).body, "TRUE"));
}

TEST_CASE("rows that match a fault fail and the others take effect") {
    faulty_vendor test("row_transient,holds=>1<,times=1");
    test.vendor.add_fault(parse_fault("row_permanent,holds=>2<,times=1,text=There is no column x"));
    const auto answer = test.caller.call(three_rows);
    CAPTURE(answer.body);
    CHECK(holds(answer.body, "<SUCCESS>TRUE</SUCCESS>"));
    CHECK(holds(answer.body, R"(<FAILURE failure_type="transient" description="injected fault"><COLUMN name="email_id">1</COLUMN>)"));
    CHECK(holds(answer.body, R"(<FAILURE failure_type="permanent" description="There is no column x"><COLUMN name="email_id">2</COLUMN>)"));
    CHECK(test.vendor.newsletters().size() == 1);
    CHECK(test.vendor.newsletters().contains({"3", "x"}));
    CHECK_FALSE(holds(test.caller.call(three_rows).body, "FAILURE"));
}

TEST_CASE("a row fault makes a call for one contact fail as a whole") {
    faulty_vendor test("row_transient,times=1");
    CHECK(holds(test.caller.call(good).body, "<errorid>50</errorid>"));
    test.vendor.add_fault(parse_fault("row_permanent,times=1,text=no"));
    CHECK(holds(test.caller.call(good).body, "<FaultString>no</FaultString>"));
    CHECK(test.vendor.contacts().empty());
}

TEST_CASE("a connection can be cut in the middle of the answer, after the call has taken effect") {
    faulty_vendor test("cut,times=1");
    test.caller.begin(good);
    CHECK_THROWS_WITH(static_cast<void>(test.caller.connection().receive()), "the connection ended inside an answer: partial message");
    CHECK(test.vendor.contacts().size() == 1);
    CHECK(vendor_caller(test.vendor.port()).call(good).status == 200);
}

TEST_CASE("a connection can be cut without an answer and without effect") {
    faulty_vendor test("cut_before,times=1");
    test.caller.begin(good);
    CHECK_THROWS_WITH(static_cast<void>(test.caller.connection().receive()), "the connection ended without an answer");
    CHECK(test.vendor.contacts().empty());
    CHECK(vendor_caller(test.vendor.port()).call(good).status == 200);
}

TEST_CASE("a stalled call holds its slot and is answered in the end") {
    fake_acoustic_options options;
    options.most_at_once = 1;
    fake_acoustic vendor(options);
    vendor_caller stalled(vendor.port());
    vendor_caller other(vendor.port());
    vendor.add_fault(parse_fault("stall=1500,times=1"));
    const auto start = std::chrono::steady_clock::now();
    stalled.begin(good);
    CHECK_FALSE(stalled.connection().has_input(100ms));
    CHECK(other.call(good).status == 429);
    CHECK(holds(stalled.connection().receive().body, "TRUE"));
    CHECK(std::chrono::steady_clock::now() - start >= 1500ms);
    CHECK(other.call(good).status == 200);
}

TEST_CASE("token faults affect only token requests, and other faults never do") {
    faulty_vendor test("status=500,method=token,times=1");
    CHECK(test.caller.call(good).status == 200);
    CHECK(ask_token(test.vendor.port()).status == 500);
    CHECK(ask_token(test.vendor.port()).status == 200);
    test.vendor.add_fault(parse_fault("fault_answer,method=token,times=1"));
    CHECK(ask_token(test.vendor.port()).status == 400);
    test.vendor.add_fault(parse_fault("status=500"));
    CHECK(ask_token(test.vendor.port()).status == 200);
}

TEST_CASE("a malformed fault is refused") {
    for (const char* text : {"", "nothing", "status=x", "status,times=many", "status,colour=red", "cut,,"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(static_cast<void>(parse_fault(text)), std::invalid_argument);
    }
    const auto fault = parse_fault("stall=20,method=RemoveRecipient,holds=a=b,times=3,number=4,text=c d");
    CHECK(fault.what == fake_fault::kind::stall);
    CHECK(fault.wait == 20ms);
    CHECK(fault.method == "RemoveRecipient");
    CHECK(fault.holds == "a=b");
    CHECK(fault.times == 3);
    CHECK(fault.number == 4);
    CHECK(fault.text == "c d");
}
