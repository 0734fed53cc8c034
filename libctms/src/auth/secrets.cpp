// SPDX-License-Identifier: MPL-2.0
#include <ctms/auth/secrets.hpp>

#include "base/base64.hpp"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace ctms::auth {
namespace {

// The costs of passlib's argon2 as the reference service uses it.
constexpr std::uint32_t passes = 3;
constexpr std::uint32_t memory_kib = 65'536;
constexpr std::uint32_t lanes = 4;
constexpr std::size_t salt_size = 16;
constexpr std::size_t hash_size = 32;

// A stored string must not be able to take the server's memory or time.
constexpr std::uint32_t most_passes = 64;
constexpr std::uint32_t most_memory_kib = 1'048'576;
constexpr std::uint32_t most_lanes = 64;

template <std::size_t Size>
std::array<unsigned char, Size> random_bytes() {
    std::array<unsigned char, Size> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(Size)) != 1) throw std::runtime_error("the system's random source failed");
    return bytes;
}

[[noreturn]] void throw_argon2(int code) { throw std::runtime_error(std::string("Argon2: ") + argon2_error_message(code)); }

bool skip(std::string_view& rest, std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
}

bool take_bounded(std::string_view& rest, std::string_view name, std::uint32_t most) {
    if (!skip(rest, name)) return false;
    std::uint32_t number = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (problem != std::errc() || number > most) return false;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return true;
}

// libargon2 reads the rest strictly; here it is only kept from starting on costs beyond reason.
bool has_sane_costs(std::string_view phc) {
    return phc.find('\0') == std::string_view::npos && skip(phc, "$argon2id$v=19$") && take_bounded(phc, "m=", most_memory_kib) &&
           take_bounded(phc, ",t=", most_passes) && take_bounded(phc, ",p=", most_lanes) && skip(phc, "$");
}

} // namespace

std::string make_secret() {
    const auto bytes = random_bytes<32>();
    return "secret_" + base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string make_signing_key() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const unsigned char byte : random_bytes<32>()) {
        out += digits[byte >> 4];
        out += digits[byte & 0x0F];
    }
    return out;
}

std::string hash_secret(std::string_view secret) {
    const auto salt = random_bytes<salt_size>();
    std::string phc(argon2_encodedlen(passes, memory_kib, lanes, salt_size, hash_size, Argon2_id), '\0');
    const int code = argon2id_hash_encoded(passes, memory_kib, lanes, secret.data(), secret.size(), salt.data(), salt.size(), hash_size,
                                           phc.data(), phc.size());
    if (code != ARGON2_OK) throw_argon2(code);
    phc.resize(phc.find('\0'));
    return phc;
}

bool verify_secret(std::string_view secret, const std::string& phc) {
    if (!has_sane_costs(phc)) return false;
    const int code = argon2id_verify(phc.c_str(), secret.data(), secret.size());
    // A client with the right secret must not be told that it is wrong because memory is short.
    if (code == ARGON2_MEMORY_ALLOCATION_ERROR || code == ARGON2_THREAD_FAIL) throw_argon2(code);
    return code == ARGON2_OK;
}

bool equal_secrets(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void verify_nothing(std::string_view secret) {
    constexpr std::array<unsigned char, salt_size> salt{};
    std::array<unsigned char, hash_size> hash{};
    const int code =
        argon2id_hash_raw(passes, memory_kib, lanes, secret.data(), secret.size(), salt.data(), salt.size(), hash.data(), hash.size());
    OPENSSL_cleanse(hash.data(), hash.size());
    if (code != ARGON2_OK) throw_argon2(code);
}

} // namespace ctms::auth
