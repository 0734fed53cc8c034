// SPDX-License-Identifier: MPL-2.0
// Examines eight characters of a text at once, for scanning texts in which few characters are special. Thread safe; throws nothing.
#pragma once

#include <cstdint>
#include <cstring>

namespace ctms {

class eight_bytes {
public:
    static constexpr std::size_t count = 8;

    /// `first` must point to at least eight characters.
    explicit eight_bytes(const char* first) noexcept { std::memcpy(&bytes_, first, count); }

    /// Whether any byte is 128 or more.
    [[nodiscard]] bool any_above_ascii() const noexcept { return (bytes_ & high_bits) != 0; }
    /// Whether any byte is less than `limit`, which is at most 128.
    [[nodiscard]] bool any_below(unsigned char limit) const noexcept { return any_below(bytes_, limit); }
    /// Whether any byte is `c`.
    [[nodiscard]] bool any_equal(char c) const noexcept { return any_below(bytes_ ^ ones * static_cast<unsigned char>(c), 1); }

private:
    static constexpr std::uint64_t ones = 0x0101010101010101U;
    static constexpr std::uint64_t high_bits = ones << 7U;

    // A byte's high bit is set in the result if the byte is below the limit. The subtraction may borrow from the next byte, but only if
    // a byte is below the limit, so the result is zero exactly when no byte is.
    static bool any_below(std::uint64_t bytes, unsigned char limit) noexcept { return ((bytes - ones * limit) & ~bytes & high_bits) != 0; }

    std::uint64_t bytes_ = 0;
};

} // namespace ctms
