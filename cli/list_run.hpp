// SPDX-License-Identifier: MPL-2.0
// What all commands on lists of addresses have in common: they check the whole file before they change anything, ask, work in steps, write
// a report for each address, and print a summary.
#pragma once

#include "command.hpp"

#include <ctms/model/contact_lists.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// The options of every command that works on a list of addresses.
inline constexpr option list_column{"column", "NAME",
                                    "column of the addresses: its name or number, or in JSON its path (email.primary_email)"};
inline constexpr option list_report{"report", "FILE",
                                    "file with the result for each address (FILE.report.ndjson or, if that exists, the next free number)"};
inline constexpr option list_skip{"skip-bad-lines", "",
                                  "work on the other lines if some have no single address; otherwise nothing is done"};

/// A command on a list of addresses.
struct list_command {
    std::string_view done;     ///< what happens to a contact, as a name: "deleted"
    std::string_view question; ///< "Delete the contacts of {} permanently?"
    std::function<result<std::vector<model::bulk_outcome>>(std::span<const std::string>)> act; ///< on one step
};

/// Runs the command on a file; "-" is standard input. Returns the exit code: bad_data if lines have no single address (and nothing was
/// done, unless --skip-bad-lines), no_user if some addresses belong to no contact, no_input if the file cannot be read.
int run_list(invocation& call, const std::string& file, const list_command& what);

} // namespace ctms::cli
