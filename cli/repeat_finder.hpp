// SPDX-License-Identifier: MPL-2.0
// Finds the addresses of a list that repeat an earlier one, whatever the length of the list, in bounded memory. For one thread.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace ctms::cli {

/// Reads the list in passes. A pass compares the addresses whose hash is in a range. If there are too many of them to remember, it halves
/// the range, and a later pass compares the rest. So it remembers at most `most` addresses, and one bit for each address of the list.
class repeat_finder {
public:
    explicit repeat_finder(std::size_t most = 500'000) : most_(most) {}

    /// Takes the next address of the list; each pass takes all of them in the same order. Upper and lower case are the same.
    void see(std::string_view address);
    /// Ends a pass. Returns true if another one is necessary.
    [[nodiscard]] bool needs_another_pass();
    /// Returns whether the address at this place, counted from 0, repeats an earlier one. Call it after the last pass.
    [[nodiscard]] bool is_repeated(std::size_t place) const { return place < repeated_.size() && repeated_[place]; }

private:
    static constexpr auto last_hash = std::numeric_limits<std::size_t>::max();

    std::size_t most_;
    std::size_t from_ = 0;       // the range of this pass
    std::size_t to_ = last_hash; // inclusive
    std::size_t place_ = 0;
    std::unordered_set<std::string> seen_;
    std::vector<bool> repeated_;
};

} // namespace ctms::cli
