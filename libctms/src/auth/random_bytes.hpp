// SPDX-License-Identifier: MPL-2.0
// Random bytes for secrets and keys, from OpenSSL. Thread safe.
#pragma once

#include "openssl_failure.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstddef>

namespace ctms::auth {

/// Returns `Size` bytes that nobody can predict. Throws if the system has no random source.
template <std::size_t Size>
[[nodiscard]] std::array<unsigned char, Size> random_bytes() {
    std::array<unsigned char, Size> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(Size)) != 1) throw_openssl_failure("the system's random source failed");
    return bytes;
}

} // namespace ctms::auth
