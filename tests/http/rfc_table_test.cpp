// SPDX-License-Identifier: MPL-2.0
// docs/http.md lists exactly the requirements that the tests in this folder check, with the server's behaviour.
#include "rfc_rules.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <fstream>
#include <set>
#include <sstream>

namespace ctms::test {
namespace {

std::string_view text_of(level asked) {
    switch (asked) {
    case level::must: return "must";
    case level::should: return "should";
    case level::ours: return "ours";
    }
    return "";
}

/// Returns the row of a requirement in the document.
std::string row_of(const rfc_rule& rule) {
    return fmt::format("| {} | {} | {} | {}{} |", rule.section, text_of(rule.asks), rule.text, rule.status,
                       rule.after == then::closes ? ", closed" : "");
}

/// Returns the table rows that start with the number of an RFC.
std::multiset<std::string> rows_of(const std::string& path) {
    std::ifstream in(path);
    REQUIRE(in.good());
    std::multiset<std::string> out;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("| 9110, ") || line.starts_with("| 9112, ")) out.insert(line);
    }
    return out;
}

} // namespace

TEST_CASE("docs/http.md lists the tested requirements") {
    std::multiset<std::string> tested;
    for (const auto rules :
         {rules_of_messages(), rules_of_targets(), rules_of_bodies(), rules_of_connections(), rules_of_preconditions()}) {
        for (const auto& rule : rules) tested.insert(row_of(rule));
    }
    const auto documented = rows_of(std::string(CTMS_SOURCE_DIR) + "/docs/http.md");
    for (const auto& row : tested) {
        INFO("not in the document: ", row);
        CHECK(documented.count(row) == tested.count(row));
    }
    for (const auto& row : documented) {
        INFO("not tested: ", row);
        CHECK(tested.count(row) == documented.count(row));
    }
}

} // namespace ctms::test
