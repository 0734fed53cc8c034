// SPDX-License-Identifier: MPL-2.0
#include <repeat_finder.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

using ctms::cli::repeat_finder;

TEST_CASE("repeated addresses are found in the whole list, however few can be remembered") {
    std::vector<std::string> list;
    for (int i = 0; i < 3'000; ++i) list.push_back("a" + std::to_string(i * i % 1'700) + "@example.com");
    list.emplace_back("A0@EXAMPLE.com");
    for (const std::size_t most : {1U, 7U, 100U, 5'000U}) {
        CAPTURE(most);
        repeat_finder finder(most);
        int passes = 0;
        do {
            for (const auto& one : list) finder.see(one);
            ++passes;
        } while (finder.needs_another_pass());
        CHECK((passes > 1) == (most < 1'700));
        std::set<std::string> seen;
        int wrong = 0;
        for (std::size_t place = 0; place + 1 < list.size(); ++place)
            wrong += finder.is_repeated(place) == seen.insert(list[place]).second ? 1 : 0;
        CHECK(wrong == 0);
        CHECK(finder.is_repeated(list.size() - 1));
        CHECK_FALSE(finder.is_repeated(list.size()));
    }
}
