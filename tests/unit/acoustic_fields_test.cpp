// SPDX-License-Identifier: MPL-2.0
// Values that take more than one line to find: dates in free form and fields of waitlists.
#include "acoustic/vendor_dates.hpp"
#include "acoustic/waitlist_fields.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms;
using acoustic::column;

namespace {

std::string found_date(std::string_view text) {
    const auto day = acoustic::find_date(text);
    return day ? acoustic::us_date(*day) : "none";
}

} // namespace

TEST_CASE("acoustic fields: dates are recognized in any common format") {
    for (const auto* text : {"2021-03-29",
                             "2021-3-29",
                             "2021-03-29T18:29:18",
                             "2021-03-29T18:29:18Z",
                             "2021-03-29t18:29:18.123z",
                             "2021-03-29T18:29:18.123456+00:00",
                             "2021-03-29T18:29:18,5",
                             "2021-03-29 18:29:18",
                             "2021-03-29 18:29:18.000001+0530",
                             "2021-03-29T23:59:59-05:00",
                             "2021-03-29 18:29",
                             "2021-03-29 6:29 PM",
                             "2021-03-29 06:29:18 a.m.",
                             "2021-03-29T18:29-08",
                             "2021-03-29 18:29:18 UTC",
                             "2021/03/29",
                             "2021.03.29",
                             "20210329",
                             "20210329T182918Z",
                             "20210329182918",
                             "2021-03-29Z",
                             "Tue, 29 Mar 2021 18:29:18 GMT",
                             "Mon, 29 Mar 2021 18:29:18 +0000",
                             "Monday, 29 March 2021",
                             "Monday, 29-Mar-21 18:29:18 GMT",
                             "29 Mar 2021",
                             "29 march 2021 18:29",
                             "29-Mar-2021",
                             "29Mar2021",
                             "29 Mar 21",
                             "Mar 29 2021",
                             "March 29, 2021",
                             "March 29th, 2021",
                             "March 29, 2021 at 18:29",
                             "MAR 29, 2021",
                             "2021 Mar 29",
                             "2021-Mar-29",
                             "Mon Mar 29 18:29:18 2021",
                             "Mon Mar 29 18:29:18 UTC 2021",
                             "Mon Mar 29 2021 18:29:18 GMT+0000 (Coordinated Universal Time)",
                             "03/29/2021",
                             "3/29/2021",
                             "03/29/2021 18:29:18",
                             "03-29-2021",
                             "03.29.2021",
                             "29/03/2021",
                             "29.03.2021",
                             "29-03-2021",
                             "3/29/21",
                             "29/3/21",
                             "  2021-03-29  ",
                             "1617042558",
                             "1617042558000"}) {
        CHECK_MESSAGE(found_date(text) == "03/29/2021", text);
    }
    CHECK(found_date("03/04/2021") == "03/04/2021"); // the month is first
    CHECK(found_date("2024-02-29") == "02/29/2024");
}

TEST_CASE("acoustic fields: text that is not a date is not recognized") {
    for (const auto* text : {"",
                             " ",
                             "yesterday",
                             "2021",
                             "2021-03",
                             "March 2021",
                             "2021-02-30",
                             "2021-13-01",
                             "29 Foo 2021",
                             "2021-03-29T25:00:00",
                             "2021-03-29 18:61",
                             "2021-03-29 and more",
                             "0000-00-00",
                             "00/00/0000",
                             "123456",
                             "2021112",
                             "12345678901234567890",
                             "-1",
                             "03/29",
                             "31/02/2021",
                             "2021-03-29T18:29:18+00:00:00:00",
                             "Mon",
                             "2021-03-29 (",
                             "null",
                             "[\"2021-03-29\"]"}) {
        CHECK_MESSAGE(found_date(text) == "none", text);
    }
    CHECK(found_date(std::string("2021-03-29\0x", 12)) == "none");
    CHECK(found_date("2021-03-29" + std::string(100'000, ' ')) == "none");
}

TEST_CASE("acoustic fields: a field belongs to the waitlist with the longest matching name") {
    const std::vector<model::waitlist> waitlists{{"relay", "short", R"({"geo": "de", "b_waitlist_geo": "odd"})", true},
                                                 {"relay-vpn_bundle", "dashes", R"({"geo": "at"})", true},
                                                 {"relay_waitlist_b", "long", R"({"geo": "ch"})", true}};
    const auto fields = acoustic::waitlist_fields(waitlists, {"relay_waitlist_geo", "relay-vpn_bundle_waitlist_geo",
                                                              "relay-vpn_bundle_waitlist_source", "relay_waitlist_b_waitlist_geo",
                                                              "relay_waitlist_source", "other_waitlist_geo", "relay_waitlistgeo", "email"});
    CHECK(fields == std::vector<column>{{"other_waitlist_geo", ""},
                                        {"relay-vpn_bundle_waitlist_geo", "at"},
                                        {"relay-vpn_bundle_waitlist_source", "dashes"},
                                        {"relay_waitlist_b_waitlist_geo", "ch"},
                                        {"relay_waitlist_geo", "de"},
                                        {"relay_waitlist_source", "short"}});
}

TEST_CASE("acoustic fields: values of waitlists can have any JSON type") {
    const std::vector<model::waitlist> waitlists{
        {"w", std::nullopt,
         R"({"text": "ä\"", "yes": true, "no": false, "number": 1.50, "null": null, "list": ["a", 1], "object": {"k": [true]}})", true},
        {"broken", std::nullopt, "{", true}};
    const auto of = [&](const std::string& field) { return acoustic::waitlist_fields(waitlists, {field}).at(0).value; };
    CHECK(of("w_waitlist_text") == "ä\"");
    CHECK(of("w_waitlist_yes") == "1");
    CHECK(of("w_waitlist_no") == "0");
    CHECK(of("w_waitlist_number") == "1.50");
    CHECK(of("w_waitlist_null").empty());
    CHECK(of("w_waitlist_missing").empty());
    CHECK(of("w_waitlist_source").empty());
    CHECK(of("w_waitlist_list") == R"(["a",1])");
    CHECK(of("w_waitlist_object") == R"({"k":[true]})");
    CHECK(of("broken_waitlist_geo").empty());
}
