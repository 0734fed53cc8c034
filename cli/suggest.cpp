// SPDX-License-Identifier: MPL-2.0
#include "suggest.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace ctms::cli {
namespace {

/// Number of letters to insert, remove, replace or swap with a neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> steps(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                steps[i][j] = i + j;
                continue;
            }
            const std::size_t replaced = a[i - 1] == b[j - 1] ? 0 : 1;
            steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, steps[i - 1][j - 1] + replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
        }
    }
    return steps.back().back();
}

} // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
    constexpr std::size_t longest_word = 64;
    const std::string* best = nullptr;
    auto least = std::min(word.size(), longest_word) / 3 + 1;
    for (const auto& one : known) {
        if (one.size() > longest_word || word.size() > longest_word) continue;
        if (const auto steps = distance(word, one); steps < least) {
            least = steps;
            best = &one;
        }
    }
    return best == nullptr ? std::string() : fmt::format("; did you mean '{}'?", *best);
}

} // namespace ctms::cli
