// SPDX-License-Identifier: MPL-2.0
#include <result_file.hpp>

#include <support/files.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

using namespace ctms::test;
namespace cli = ctms::cli;
namespace fs = std::filesystem;

TEST_CASE("runs on one file at the same time keep the results of each other") {
    const temporary_directory place;
    const auto input = (place.path() / "list").string();
    put(input, "x");
    cli::result_file first(std::nullopt, input, "report");
    cli::result_file second(std::nullopt, input, "report");
    REQUIRE(first.create());
    REQUIRE(second.create());
    CHECK(first.write("first"));
    CHECK(second.write("second"));
    REQUIRE(second.commit());
    REQUIRE(first.commit());
    CHECK(second.name() == input + ".report.ndjson");
    CHECK(first.name() == input + ".report.2.ndjson");
    CHECK(content(second.name()) == "second");
    CHECK(content(first.name()) == "first");
    CHECK(mode_of(first.name()) == 0600);
    CHECK(std::distance(fs::directory_iterator(place.path()), {}) == 3);
}

TEST_CASE("a result file with a given name replaces the file of that name") {
    const temporary_directory place;
    const auto name = (place.path() / "report").string();
    put(name, "older");
    cli::result_file file(name, "list", "report");
    REQUIRE(file.create());
    CHECK(file.write("newer"));
    CHECK(content(name) == "older");
    REQUIRE(file.commit());
    CHECK(content(name) == "newer");
    CHECK(file.name() == name);
}

TEST_CASE("a result file that is not completed leaves nothing, and an error has its name") {
    const temporary_directory place;
    const auto input = (place.path() / "list").string();
    put(input, "x");
    {
        cli::result_file file(std::nullopt, input, "report");
        REQUIRE(file.create());
        CHECK(file.write("x"));
    }
    CHECK(std::distance(fs::directory_iterator(place.path()), {}) == 1);
    cli::result_file lost(std::nullopt, input, "report");
    fs::remove_all(place.path());
    const auto failed = lost.create();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message == input + ".report.ndjson cannot be written");
}
