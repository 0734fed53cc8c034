// SPDX-License-Identifier: MPL-2.0
// The faults that the stand-in was asked for: which of them hit a call, how often still, and their form as text for
// command lines and scripts. Not thread safe.
#pragma once

#include <support/fake_acoustic_store.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// How a fault is written, for --help.
[[nodiscard]] std::string_view fault_help();

/// "status=500,method=AddRecipient,times=3", as fault_help() explains. Throws std::invalid_argument that says what is wrong.
[[nodiscard]] fake_fault parse_fault(std::string_view text);

/// What hits one call: of faults of calls the first that matches, of faults of rows all.
struct hits {
    std::optional<fake_fault> call;
    std::vector<row_fault> rows;
};

class fault_list {
public:
    void add(fake_fault fault);
    void clear() { faults_.clear(); }

    /// Those that hit a call of the XML API; each has been used up once by it.
    hits take(const xml_call& call);
    /// The one that hits a request for a token, whose body is `form`.
    std::optional<fake_fault> take_for_token(const std::string& form);

private:
    void forget_used();

    std::vector<fake_fault> faults_;
};

} // namespace ctms::test
