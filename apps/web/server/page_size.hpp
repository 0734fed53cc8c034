// SPDX-License-Identifier: MPL-2.0
// How many items to read at a time, so that the memory that a piece of a response uses does not depend on the size of the items.
// Not thread safe.
#pragma once

#include <algorithm>
#include <cstddef>

namespace ctms::web {

/// How large a piece of a streamed response is, unless a single item is larger.
inline constexpr std::size_t usual_piece = std::size_t{512} * 1024;

class page_size {
public:
    /// Begins with `first` items, and never reads more than `largest`.
    page_size(int first, int largest, std::size_t wanted_bytes) : now_(first), largest_(largest), wanted_bytes_(wanted_bytes) {}

    [[nodiscard]] int items() const noexcept { return now_; }

    /// Chooses the next size as if the next items were as large as those of the last page.
    void learn(std::size_t items, std::size_t bytes) noexcept {
        if (items == 0) return;
        const auto bytes_of_one = std::max<std::size_t>(bytes / items, 1);
        now_ = static_cast<int>(std::clamp<std::size_t>(wanted_bytes_ / bytes_of_one, 1, static_cast<std::size_t>(largest_)));
    }

    /// Reads less the next time, because there was not enough memory.
    void halve() noexcept { now_ = std::max(now_ / 2, 1); }

private:
    int now_;
    int largest_;
    std::size_t wanted_bytes_;
};

} // namespace ctms::web
