// SPDX-License-Identifier: MPL-2.0
#include "secrets.hpp"

#include "base/base64.hpp"
#include "openssl_failure.hpp"
#include "random_bytes.hpp"

#include <argon2.h>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace ctms::auth {
namespace {

// The parameters of passlib's argon2 as the Python service uses it.
constexpr std::uint32_t passes = 3;
constexpr std::uint32_t memory_kib = 65'536;
constexpr std::uint32_t lanes = 4;
constexpr std::size_t salt_size = 16;
constexpr std::size_t hash_size = 32;

// Limits, so that a stored string cannot use up the server's memory or time.
constexpr std::uint32_t most_passes = 64;
constexpr std::uint32_t most_memory_kib = 1'048'576;
constexpr std::uint32_t most_lanes = 64;
constexpr std::size_t most_hash_size = 1024;

bool skip(std::string_view& rest, std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
}

bool take_bounded(std::string_view& rest, std::string_view name, std::uint32_t most, std::uint32_t& number) {
    if (!skip(rest, name) || rest.starts_with('0')) return false;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (problem != std::errc() || number > most) return false;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return true;
}

/// A hash and the parameters to compute it again.
struct stored_hash {
    std::uint32_t memory = 0, passes = 0, lanes = 0;
    std::string salt, hash;
};

std::string encode(std::string_view bytes) {
    auto out = base64_encode(bytes);
    out.resize(std::min(out.find('='), out.size()));
    return out;
}

/// Decodes base64 without padding, as in PHC strings.
std::optional<std::string> decode(std::string_view text) {
    if (text.find('=') != std::string_view::npos) return std::nullopt;
    std::string padded(text);
    padded.append((4 - padded.size() % 4) % 4, '=');
    return base64_decode(padded);
}

std::optional<stored_hash> read_phc(std::string_view phc) {
    stored_hash out;
    if (!skip(phc, "$argon2id$v=19$") || !take_bounded(phc, "m=", most_memory_kib, out.memory) ||
        !take_bounded(phc, ",t=", most_passes, out.passes) || !take_bounded(phc, ",p=", most_lanes, out.lanes) || !skip(phc, "$")) {
        return std::nullopt;
    }
    const auto dollar = phc.find('$');
    if (dollar == std::string_view::npos) return std::nullopt;
    auto salt = decode(phc.substr(0, dollar));
    auto hash = decode(phc.substr(dollar + 1));
    if (!salt || !hash || hash->size() > most_hash_size) return std::nullopt;
    out.salt = *std::move(salt);
    out.hash = *std::move(hash);
    return out;
}

/// Memory that the rest of the process may need while a secret is hashed.
constexpr std::size_t spare_memory = std::size_t{8} * 1024 * 1024;

/// Allocates memory for Argon2. Fails if the process would then have less than spare_memory left of its limits (setrlimit(2)): other
/// threads must not run out of memory because somebody guesses secrets.
int allocate(std::uint8_t** memory, std::size_t bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* mapped = mmap(nullptr, bytes + spare_memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return ARGON2_MEMORY_ALLOCATION_ERROR; // NOLINT(performance-no-int-to-ptr): as the system's header defines it
    *memory = static_cast<std::uint8_t*>(mapped);
    munmap(*memory + bytes + (page - bytes % page) % page, spare_memory);
    return ARGON2_OK;
}

void release(std::uint8_t* memory, std::size_t bytes) { munmap(memory, bytes); }

/// Replaces `how.hash` with the hash of this secret, of the same size. Returns false if libargon2 refuses the parameters.
/// One thread computes all lanes, so that a hash uses one core and libargon2 starts no threads.
bool compute(std::string_view secret, stored_hash& how) {
    const auto bytes_of = [](std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); };
    std::string password(secret);
    argon2_context context{};
    context.out = bytes_of(how.hash);
    context.outlen = static_cast<std::uint32_t>(how.hash.size());
    context.pwd = bytes_of(password);
    context.pwdlen = static_cast<std::uint32_t>(password.size());
    context.salt = bytes_of(how.salt);
    context.saltlen = static_cast<std::uint32_t>(how.salt.size());
    context.t_cost = how.passes;
    context.m_cost = how.memory;
    context.lanes = how.lanes;
    context.threads = 1;
    context.version = ARGON2_VERSION_13;
    context.flags = ARGON2_DEFAULT_FLAGS;
    context.allocate_cbk = allocate;
    context.free_cbk = release;
    const int code = argon2id_ctx(&context);
    OPENSSL_cleanse(password.data(), password.size());
    // A lack of memory must not make a correct secret look wrong.
    if (code == ARGON2_MEMORY_ALLOCATION_ERROR) throw std::bad_alloc();
    return code == ARGON2_OK;
}

stored_hash new_hash(std::string salt) { return {memory_kib, passes, lanes, std::move(salt), std::string(hash_size, '\0')}; }

} // namespace

std::string make_secret() {
    const auto bytes = random_bytes<32>();
    return "secret_" + base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string hash_secret(std::string_view secret) {
    const auto salt = random_bytes<salt_size>();
    auto made = new_hash({reinterpret_cast<const char*>(salt.data()), salt.size()});
    if (!compute(secret, made)) throw std::runtime_error("Argon2 refused to hash a secret");
    return fmt::format("$argon2id$v=19$m={},t={},p={}${}${}", memory_kib, passes, lanes, encode(made.salt), encode(made.hash));
}

bool verify_secret(std::string_view secret, const std::string& phc) {
    const auto stored = read_phc(phc);
    if (!stored) return false;
    auto given = *stored;
    return compute(secret, given) && equal_secrets(given.hash, stored->hash);
}

bool equal_secrets(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void verify_nothing(std::string_view secret) {
    auto nothing = new_hash(std::string(salt_size, '\0'));
    (void)compute(secret, nothing);
    OPENSSL_cleanse(nothing.hash.data(), nothing.hash.size());
}

} // namespace ctms::auth
