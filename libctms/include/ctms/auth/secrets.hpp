// SPDX-License-Identifier: MPL-2.0
// Secrets of API clients: made, hashed and verified with Argon2id (RFC 9106) in PHC string form,
// interchangeable with passlib's argon2 (`$argon2id$v=19$m=65536,t=3,p=4$...`).
// Thread safe. Hashing and verifying take about 0.1 s of one core and 64 MiB each, on the thread that calls: keep them off the
// pools that serve reads. They throw std::bad_alloc when those 64 MiB are not available.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>

namespace ctms::auth {

/// A new client secret: "secret_" and 43 characters of URL-safe base64 (256 random bits).
[[nodiscard]] CTMS_API std::string make_secret();

/// A new random key for signing tokens: 64 hex digits.
[[nodiscard]] CTMS_API std::string make_signing_key();

/// The PHC string of a secret, with a new salt.
[[nodiscard]] CTMS_API std::string hash_secret(std::string_view secret);

/// True when the secret belongs to the PHC string. A string that is no Argon2id hash verifies nothing.
[[nodiscard]] CTMS_API bool verify_secret(std::string_view secret, const std::string& phc);

/// Takes as long as verify_secret does on a real hash: so that an unknown client is not told by the clock.
CTMS_API void verify_nothing(std::string_view secret);

/// True when both are the same. Takes as long wherever they differ; their lengths may show.
[[nodiscard]] CTMS_API bool equal_secrets(std::string_view a, std::string_view b) noexcept;

} // namespace ctms::auth
