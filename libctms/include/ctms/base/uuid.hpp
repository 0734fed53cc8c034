// SPDX-License-Identifier: MPL-2.0
// A UUID (RFC 9562) as sixteen bytes. The nil UUID stands for "none".
// Parsing takes every spelling that existing clients use; writing is always the canonical one.
// A plain value; the functions are thread safe and do not throw.
#pragma once

#include <ctms/base/export.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// A UUID; nil unless it is given a value.
class CTMS_API uuid {
public:
    constexpr uuid() = default;
    /// Of sixteen bytes in the order in which they are written.
    constexpr explicit uuid(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}

    /// Reads a UUID in the spellings that Python's uuid.UUID takes: with or without dashes,
    /// upper or lower case, in braces, with "urn:uuid:" before it. nullopt for anything else.
    [[nodiscard]] static std::optional<uuid> parse(std::string_view text);

    /// A new random UUID, version 4, from the system's random source.
    [[nodiscard]] static uuid random();

    /// In the order in which they are written.
    [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    /// No UUID, but the absence of one.
    [[nodiscard]] constexpr bool is_nil() const { return bytes_ == std::array<std::uint8_t, 16>{}; }

    /// The version digit, or 0 when the variant is not that of RFC 9562.
    [[nodiscard]] int version() const;

    /// 36 characters, lower case, with dashes.
    [[nodiscard]] std::string to_string() const;

    /// In the order of the bytes, as PostgreSQL has it.
    auto operator<=>(const uuid&) const = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
};

} // namespace ctms
