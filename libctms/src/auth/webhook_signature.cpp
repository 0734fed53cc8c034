// SPDX-License-Identifier: MPL-2.0
#include "webhook_signature.hpp"

#include "base/base64.hpp"
#include "keyed_hash.hpp"
#include "openssl_failure.hpp"
#include "random_bytes.hpp"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

namespace ctms::auth {
namespace {

constexpr std::string_view prefix = "whsec_";

std::string as_text(const unsigned char* bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

} // namespace

std::string make_webhook_secret() {
    constexpr std::size_t size = 32;
    auto bytes = random_bytes<size>();
    auto out = std::string(prefix) + base64_encode(as_text(bytes.data(), bytes.size()));
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return out;
}

std::string sign_webhook(std::string_view secret, std::string_view id, std::int64_t timestamp, std::string_view body) {
    auto key = secret.starts_with(prefix) ? base64_decode(secret.substr(prefix.size())) : std::nullopt;
    if (!key) throw std::invalid_argument("the secret of a webhook does not have the form whsec_BASE64");
    const auto content = fmt::format("{}.{}.{}", id, timestamp, body);
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned int size = 0;
    const auto* done = HMAC(EVP_sha256(), key->data(), static_cast<int>(key->size()),
                            reinterpret_cast<const unsigned char*>(content.data()), content.size(), out.data(), &size);
    OPENSSL_cleanse(key->data(), key->size());
    if (done == nullptr) throw_lack_of_memory();
    return "v1," + base64_encode(as_text(out.data(), size));
}

std::string webhook_message_id(std::string_view webhook, std::string_view body) {
    constexpr std::size_t bytes_of_id = 24;
    const auto hash = plain_hash(fmt::format("{}.{}", webhook, body));
    return "msg_" + base64url_encode(as_text(hash.data(), bytes_of_id));
}

} // namespace ctms::auth
