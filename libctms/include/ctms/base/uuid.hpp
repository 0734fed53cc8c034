// SPDX-License-Identifier: MPL-2.0
// A UUID (RFC 9562) as 16 bytes. The nil UUID means "none". Parsing accepts every spelling that existing clients use; the output is always
// canonical. A plain value; the functions are thread safe and do not throw.
#pragma once

#include <ctms/base/export.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// A UUID; nil by default.
class CTMS_API uuid {
public:
    constexpr uuid() = default;
    /// From 16 bytes, in the order in which they are written.
    constexpr explicit uuid(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}

    /// Parses the spellings that Python's uuid.UUID accepts: with or without dashes, upper or lower case, in braces, with the prefix
    /// "urn:uuid:". Returns nullopt for anything else.
    [[nodiscard]] static std::optional<uuid> parse(std::string_view text);

    /// Returns a new random UUID, version 4, from the system's random source.
    [[nodiscard]] static uuid random();

    /// Returns the bytes in the order in which they are written.
    [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    /// Returns true for the nil UUID, which means that there is none.
    [[nodiscard]] constexpr bool is_nil() const { return bytes_ == std::array<std::uint8_t, 16>{}; }

    /// Returns the version digit, or 0 if the variant is not that of RFC 9562.
    [[nodiscard]] int version() const;

    /// Returns 36 characters, in lower case, with dashes.
    [[nodiscard]] std::string to_string() const;

    /// Compares byte by byte, as PostgreSQL does.
    auto operator<=>(const uuid&) const = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
};

/// Writes the text of to_string().
CTMS_API std::ostream& operator<<(std::ostream& out, const uuid& id);

} // namespace ctms

/// Hashes the bytes. Not protected against keys that were chosen to collide.
template <>
struct std::hash<ctms::uuid> {
    /// Returns the hash.
    [[nodiscard]] std::size_t operator()(const ctms::uuid& id) const noexcept {
        std::size_t out = 14695981039346656037U; // FNV-1a
        for (const auto byte : id.bytes()) out = (out ^ byte) * 1099511628211U;
        return out;
    }
};
