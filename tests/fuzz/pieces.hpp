// SPDX-License-Identifier: MPL-2.0
// The encoding of what a peer sends in an input: 0xFE ends a piece, and pieces are sent separately; 0xFD and the byte after it repeat the
// byte before them, 512 times per unit, so that a short input can reach limits of many kilobytes. Neither is sent itself. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::fuzz {

/// Decodes an input into its pieces, in order, at most `most_bytes` in total.
[[nodiscard]] inline std::vector<std::string> to_pieces(std::string_view input, std::size_t most_bytes) {
    constexpr char split = '\xFE';
    constexpr char repeat = '\xFD';
    constexpr std::size_t unit = 512;
    std::vector<std::string> out(1);
    std::size_t left = most_bytes;
    for (std::size_t at = 0; at < input.size() && left > 0; ++at) {
        if (input[at] == split) {
            out.emplace_back();
        } else if (input[at] == repeat) {
            const auto times = at + 1 < input.size() ? unit * static_cast<unsigned char>(input[++at]) : 0;
            if (out.back().empty()) continue;
            out.back().append(std::min(times, left), out.back().back());
            left -= std::min(times, left);
        } else {
            out.back() += input[at];
            --left;
        }
    }
    return out;
}

} // namespace ctms::fuzz
