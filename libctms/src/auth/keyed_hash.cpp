// SPDX-License-Identifier: MPL-2.0
#include "keyed_hash.hpp"
#include "openssl_failure.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace ctms::auth {

keyed_hash::keyed_hash() {
    if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) throw_openssl_failure("the system's random source failed");
}

keyed_hash::keyed_hash(std::string_view key) : key_(plain_hash(key)) {}

keyed_hash::~keyed_hash() { OPENSSL_cleanse(key_.data(), key_.size()); }

keyed_hash::digest keyed_hash::of(std::initializer_list<std::string_view> texts) const {
    std::string whole;
    for (const auto text : texts) {
        const std::uint64_t size = text.size();
        whole.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
    }
    digest out{};
    unsigned int size = 0;
    const auto* done = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(whole.data()),
                            whole.size(), out.data(), &size);
    OPENSSL_cleanse(whole.data(), whole.size());
    if (done == nullptr || size != out.size()) throw_lack_of_memory();
    return out;
}

std::uint64_t keyed_hash::short_of(std::initializer_list<std::string_view> texts) const {
    const auto whole = of(texts);
    std::uint64_t out = 0;
    std::memcpy(&out, whole.data(), sizeof out);
    return out;
}

keyed_hash::digest plain_hash(std::string_view text) {
    keyed_hash::digest out{};
    if (EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr) != 1) throw_lack_of_memory();
    return out;
}

bool equal_digests(const keyed_hash::digest& a, const keyed_hash::digest& b) noexcept {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace ctms::auth
