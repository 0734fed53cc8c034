// SPDX-License-Identifier: MPL-2.0
// Prints the list that a use case returned: as JSON with --json, otherwise as a table.
#pragma once

#include "command.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <support/exit_codes.hpp>

#include <string>
#include <vector>

namespace ctms::cli {

/// Prints a list and returns the exit code; reports a failure instead. `write_json(out, item)` appends an item as JSON, and `row_of(item)`
/// returns its cells in the table.
template <class T, class WriteJson, class RowOf>
int print_list(const invocation& call, const result<std::vector<T>>& list, const std::vector<std::string>& headings, WriteJson write_json,
               RowOf row_of) {
    if (!list) return fail(list.error());
    if (call.json) {
        std::string out;
        append_json_array(out, *list, write_json);
        print_json(std::move(out));
        return support::ok;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : *list) rows.push_back(row_of(item));
    print_table(headings, rows);
    return support::ok;
}

} // namespace ctms::cli
