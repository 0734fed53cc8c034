// SPDX-License-Identifier: MPL-2.0
// Counts what a command did. Not thread safe.
#pragma once

#include "command.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::cli {

/// Counts by name, in the order in which they are printed.
class tally {
public:
    tally() = default;
    explicit tally(std::initializer_list<std::string_view> names) {
        for (const auto name : names) counts_.emplace_back(name, 0);
    }

    void add(std::string_view name, std::size_t count = 1) {
        const auto known = std::find_if(counts_.begin(), counts_.end(), [&](const auto& each) { return each.first == name; });
        auto& where = known != counts_.end() ? *known : counts_.emplace_back(name, 0);
        where.second += static_cast<std::int64_t>(count);
    }

    [[nodiscard]] std::int64_t count(std::string_view name) const {
        const auto known = std::find_if(counts_.begin(), counts_.end(), [&](const auto& each) { return each.first == name; });
        return known == counts_.end() ? 0 : known->second;
    }

    void print(bool as_json) const {
        if (as_json) {
            std::string out;
            object_writer writer(out);
            for (const auto& [name, count] : counts_) writer.add(name, count);
            writer.close();
            print_json(out);
            return;
        }
        std::vector<std::vector<std::string>> rows;
        for (const auto& [name, count] : counts_) rows.push_back({name, std::to_string(count)});
        print_table({"WHAT", "COUNT"}, rows);
    }

    void note(invocation& call) const {
        for (const auto& [name, count] : counts_) call.note(name, count);
    }

private:
    std::vector<std::pair<std::string, std::int64_t>> counts_;
};

} // namespace ctms::cli
