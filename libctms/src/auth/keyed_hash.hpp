// SPDX-License-Identifier: MPL-2.0
// A keyed hash (HMAC-SHA-256). With a random key, which never leaves the object, it is for tables in memory: a client that sends the
// hashed value can neither choose its place in the table nor learn anything from the time of a lookup. Private to the library.
// Immutable and thread safe. Throws std::runtime_error if OpenSSL fails, otherwise only std::bad_alloc.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace ctms::auth {

class keyed_hash {
public:
    using digest = std::array<unsigned char, 32>;

    keyed_hash(); ///< with a random key
    /// With the SHA-256 of a text as its key.
    explicit keyed_hash(std::string_view key);
    ~keyed_hash();
    keyed_hash(const keyed_hash&) = delete;
    keyed_hash& operator=(const keyed_hash&) = delete;

    /// The hash of several strings. "ab", "c" and "a", "bc" have different hashes.
    [[nodiscard]] digest of(std::initializer_list<std::string_view> texts) const;
    /// The first 64 bits of the hash, enough to distinguish the entries of a small table.
    [[nodiscard]] std::uint64_t short_of(std::initializer_list<std::string_view> texts) const;

private:
    std::array<unsigned char, 32> key_{};
};

/// SHA-256 without a key, for hashes that must be the same in every process.
[[nodiscard]] keyed_hash::digest plain_hash(std::string_view text);

/// Compares in constant time.
[[nodiscard]] bool equal_digests(const keyed_hash::digest& a, const keyed_hash::digest& b) noexcept;

} // namespace ctms::auth
