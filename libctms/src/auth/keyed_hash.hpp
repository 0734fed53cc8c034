// SPDX-License-Identifier: MPL-2.0
// A keyed hash (HMAC-SHA-256) for tables in memory, with a random key that never leaves the object: whoever sends what is
// hashed can neither choose where it lands in a table nor learn anything from how long a look-up takes. Private to the library.
// Immutable and thread safe. Throws std::runtime_error when OpenSSL fails, else only std::bad_alloc.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace ctms::auth {

class keyed_hash {
public:
    using digest = std::array<unsigned char, 32>;

    keyed_hash();
    ~keyed_hash();
    keyed_hash(const keyed_hash&) = delete;
    keyed_hash& operator=(const keyed_hash&) = delete;

    /// The hash of several texts; how they are divided matters.
    [[nodiscard]] digest of(std::initializer_list<std::string_view> texts) const;
    /// Its first 64 bits: enough to tell entries of a small table apart.
    [[nodiscard]] std::uint64_t short_of(std::initializer_list<std::string_view> texts) const;

private:
    std::array<unsigned char, 32> key_{};
};

/// SHA-256 without a key: for what must be the same in every process.
[[nodiscard]] keyed_hash::digest plain_hash(std::string_view text);

/// Equal, in a time that does not tell where they differ.
[[nodiscard]] bool equal_digests(const keyed_hash::digest& a, const keyed_hash::digest& b) noexcept;

} // namespace ctms::auth
