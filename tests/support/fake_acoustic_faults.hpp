// SPDX-License-Identifier: MPL-2.0
// The faults that the fake vendor was asked to inject: which of them affect a call, how often they still apply, and their
// textual form for command lines and scripts. Not thread safe.
#pragma once

#include <support/fake_acoustic_store.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// The syntax of a fault, for --help.
[[nodiscard]] std::string_view fault_help();

/// Parses e.g. "status=500,method=AddRecipient,times=3"; see fault_help(). Throws std::invalid_argument, which says what is wrong.
[[nodiscard]] fake_fault parse_fault(std::string_view text);

/// The faults that affect one call: the first matching fault of the call, and all matching faults of its rows.
struct hits {
    std::optional<fake_fault> call;
    std::vector<row_fault> rows;
};

class fault_list {
public:
    void add(fake_fault fault);
    void clear() { faults_.clear(); }

    /// Returns the faults that affect an XML API call. Each counts as used once.
    hits take(const xml_call& call);
    /// Returns the fault that affects a token request with the body `form`.
    std::optional<fake_fault> take_for_token(const std::string& form);

private:
    void forget_used();

    std::vector<fake_fault> faults_;
};

} // namespace ctms::test
