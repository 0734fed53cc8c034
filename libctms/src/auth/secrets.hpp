// SPDX-License-Identifier: MPL-2.0
// Creates, hashes and verifies secrets of API clients with Argon2id (RFC 9106) in PHC string form, interchangeable with passlib's argon2
// (`$argon2id$v=19$m=65536,t=3,p=4$...`). Thread safe. Hashing and verifying each take about 0.1 s of one core and 64 MiB, on the calling
// thread: do not call them on threads that serve reads. They throw std::bad_alloc if the memory is not available.
#pragma once

#include <string>
#include <string_view>

namespace ctms::auth {

/// Returns a new client secret: "secret_" and 43 characters of URL-safe base64 (256 random bits).
[[nodiscard]] std::string make_secret();

/// Returns the PHC string of a secret, with a new salt.
[[nodiscard]] std::string hash_secret(std::string_view secret);

/// Returns true if the secret matches the PHC string. Returns false if the string is not an Argon2id hash.
[[nodiscard]] bool verify_secret(std::string_view secret, const std::string& phc);

/// Takes as long as verify_secret does with a real hash, so that the response time does not reveal whether a client exists.
void verify_nothing(std::string_view secret);

/// Returns true if both are equal. The time does not depend on where they differ, but may depend on their lengths.
[[nodiscard]] bool equal_secrets(std::string_view a, std::string_view b) noexcept;

} // namespace ctms::auth
