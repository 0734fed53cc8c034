// SPDX-License-Identifier: MPL-2.0
#include <json_layout.hpp>
#include <progress.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using ctms::cli::lay_out_json;
using ctms::cli::progress;

TEST_CASE("a progress bar shows percentage, count, rate and time left") {
    CHECK(progress::text("contacts", 42'000, 100'000, 2s, 79) ==
          "contacts  42% [===========>               ] 42,000/100,000  21,000/s  0:03 left");
    CHECK(progress::text("contacts", 0, 100, 0s, 79).find("-:-- left") != std::string::npos);
    const auto full = progress::text("contacts", 1'234'567, 1'234'567, 10s, 100);
    CHECK(full.find("100% [=") != std::string::npos);
    CHECK(full.find('>') == std::string::npos);
    CHECK(full.find("1,234,567/1,234,567") != std::string::npos);
    CHECK(full.ends_with("0:00 left"));
    CHECK(progress::text("rows", 1, 7201, 1s, 100).ends_with("2:00:00 left"));
}

TEST_CASE("a progress bar fits its terminal and needs no total") {
    for (const int columns : {60, 80, 100, 200}) {
        CAPTURE(columns);
        for (const std::uint64_t done : {0U, 1U, 500'000U, 1'000'000U})
            CHECK(progress::text("contacts", done, 1'000'000, 4s, columns).size() <= static_cast<std::size_t>(columns));
    }
    for (const int columns : {0, 10, 44}) // there is no room for a bar
        CHECK(progress::text("contacts", 500'000, 1'000'000, 4s, columns) == "contacts  50%  500,000/1,000,000  125,000/s  0:04 left");
    CHECK(progress::text("rows", 1'000, std::nullopt, 2s, 79) == "rows  1,000  500/s");
    CHECK(progress::text("rows", 0, 0, 2s, 79) == "rows  0  0/s");
    // More rows than expected are shown as 100%.
    CHECK(progress::text("rows", 20, 10, 2s, 79).find("100%") != std::string::npos);
}

TEST_CASE("JSON is formatted without changing its values") {
    CHECK(lay_out_json("{\"a\":1.50,\"b\":[1,{\"c\":\"x,{}:\\\"[\"}],\"d\":{},\"e\":[ ],\"f\":null}") ==
          "{\n  \"a\": 1.50,\n  \"b\": [\n    1,\n    {\n      \"c\": \"x,{}:\\\"[\"\n    }\n  ],\n  \"d\": {},\n  \"e\": [],\n  \"f\": "
          "null\n}");
    CHECK(lay_out_json("12345678901234567890") == "12345678901234567890");
    CHECK(lay_out_json(" [ 1 ,\n2 ] ") == "[\n  1,\n  2\n]");
    CHECK(lay_out_json("") == "");
}
