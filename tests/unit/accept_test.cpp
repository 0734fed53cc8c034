// SPDX-License-Identifier: MPL-2.0
#include <web/server/accept.hpp>

#include <doctest/doctest.h>

using namespace ctms::web;

namespace {

bool takes_lines(std::initializer_list<const char*> accept) {
    request http;
    for (const auto* value : accept) http.headers.emplace_back("accept", value);
    return prefers(http, "application/x-ndjson", "application/json");
}

} // namespace

TEST_CASE("a media type is preferred if it is listed and no usual type has a higher weight") {
    for (const auto* yes :
         {"application/x-ndjson", "Application/X-NDJSON", "application/x-ndjson, application/json", "application/json,application/x-ndjson",
          "application/x-ndjson;q=0.9, application/json;q=0.8", "application/x-ndjson; charset=utf-8; q=0.5, */*;q=0.1",
          "application/x-ndjson ;Q=1.000", "text/html, application/x-ndjson;q=0.2", "application/x-ndjson, application/json;q=nan",
          "*/*, application/x-ndjson, application/json;q=0"}) {
        CAPTURE(yes);
        CHECK(takes_lines({yes}));
    }
    for (const auto* no : {"", "*/*", "application/*", "application/json", "application/x-ndjson;q=0", "application/x-ndjson;q=0.000",
                           "application/x-ndjsonx", "application/x-ndjson;q=0.5, application/json", "application/x-ndjson;q=0.5, */*",
                           "application/x-ndjson;q=0.5, application/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                           ",;,", "ndjson"}) {
        CAPTURE(no);
        CHECK_FALSE(takes_lines({no}));
    }
    CHECK_FALSE(takes_lines({}));
}

TEST_CASE("several Accept headers are combined into one list") {
    CHECK(takes_lines({"application/json;q=0.5", "application/x-ndjson"}));
    CHECK_FALSE(takes_lines({"application/x-ndjson;q=0.5", "application/json"}));
}

TEST_CASE("the most specific range gives the weight") {
    CHECK(takes_lines({"application/*;q=0.1, */*, application/x-ndjson;q=0.5"}));
    CHECK(takes_lines({"application/json;q=0.1, application/*, application/x-ndjson;q=0.5"}));
}

TEST_CASE("an invalid weight counts as missing, and others are limited to 0 to 1") {
    CHECK(weight_of("") == 1);
    CHECK(weight_of("q=x") == 1);
    CHECK(weight_of("level=1;q=0.25") == doctest::Approx(0.25));
    CHECK(weight_of("q=-1") == 0);
    CHECK(weight_of("q=7") == 1);
}
