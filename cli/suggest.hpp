// SPDX-License-Identifier: MPL-2.0
// "Did you mean ...?" for words that are not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// Returns "; did you mean 'WORD'?" for the known word that is most like `word`; "" if none is like it: at most a third of the letters
/// may be missing, wrong, additional or swapped with a neighbour.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

} // namespace ctms::cli
