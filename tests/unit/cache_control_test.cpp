// SPDX-License-Identifier: MPL-2.0
#include "auth/cache_control.hpp"

#include <doctest/doctest.h>

#include <string_view>
#include <utility>

using namespace std::chrono_literals;
using ctms::auth::allowed_age;

TEST_CASE("a response may be cached for its max-age minus its age") {
    CHECK(allowed_age("public, max-age=22809, must-revalidate, no-transform", "") == 22809s);
    CHECK(allowed_age("Max-Age=60", "") == 60s);
    CHECK(allowed_age(" ,\tmax-age=60\t,, private", "") == 60s);
    CHECK(allowed_age("max-age=0060", "") == 60s);
    CHECK(allowed_age("max-age=60", "20") == 40s);
    CHECK(allowed_age("max-age=60", " 60 ") == 0s);
    CHECK(allowed_age("max-age=60", "99999999999999999999999999") == 0s);
    CHECK(allowed_age("max-age=99999999999999999999999999", "") == std::chrono::seconds(2'147'483'648));
}

TEST_CASE("an age that is not a number is ignored") {
    for (const std::string_view age : {"-5", "5s", "1.5", "x", "\"7\""}) {
        CAPTURE(age);
        CHECK(allowed_age("max-age=60", age) == 60s);
    }
}

TEST_CASE("a response may not be cached unless its headers clearly allow it") {
    for (const std::string_view header : {"",
                                          "public",
                                          "no-store",
                                          "no-cache",
                                          "max-age=60, no-store",
                                          "NO-CACHE, max-age=60",
                                          "max-age=60, no-cache=\"Set-Cookie, Age\"",
                                          "max-age=\"60\"",
                                          "max-age",
                                          "max-age=",
                                          "max-age=-60",
                                          "max-age=+60",
                                          "max-age=6e1",
                                          "max-age=60s",
                                          "max-age= 60",
                                          "max-age=0x60",
                                          "s-maxage=60",
                                          "xmax-age=60",
                                          "max-age=60, max-age=60",
                                          "max-age=60 no-store",
                                          "\"max-age=60\"",
                                          "max-age;60"}) {
        CAPTURE(header);
        CHECK(allowed_age(header, "") == 0s);
    }
}

TEST_CASE("quoted text in a Cache-Control header is not a directive") {
    CHECK(allowed_age(R"(x="a, max-age=99, b", max-age=60)", "") == 60s);
    CHECK(allowed_age(R"(x="a\", max-age=99, b", max-age=60)", "") == 60s);
    CHECK(allowed_age(R"(max-age=60, x="never closed, public)", "") == 0s);
    CHECK(allowed_age(R"(x="ends with a backslash\)", "") == 0s);
}
