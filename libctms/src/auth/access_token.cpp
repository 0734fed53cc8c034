// SPDX-License-Identifier: MPL-2.0
#include <ctms/auth/access_token.hpp>

#include "base/base64.hpp"
#include "jwt.hpp"
#include "openssl_failure.hpp"
#include "random_bytes.hpp"

#include <ctms/base/json_text.hpp>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

namespace ctms::auth {
namespace {

// {"alg":"HS256","typ":"JWT"}: our own tokens, and those of most libraries, begin with this.
constexpr std::string_view usual_header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

struct mac_free {
    void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using mac_context = std::unique_ptr<EVP_MAC_CTX, mac_free>;
using signature = std::array<unsigned char, 32>;

mac_context keyed_context(const std::string& key) {
    const std::unique_ptr<EVP_MAC, mac_free> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    mac_context context(EVP_MAC_CTX_new(hmac.get()));
    std::string digest = "SHA256";
    const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
    if (!context || EVP_MAC_init(context.get(), bytes, key.size(), parameters.data()) != 1) {
        throw_openssl_failure("OpenSSL does not support HMAC with SHA-256");
    }
    return context;
}

bool is_acceptable_header(std::string_view segment) {
    if (segment == usual_header) return true;
    const auto header = read_object(segment);
    return header && asks_for(header->root(), "HS256");
}

std::optional<token_claims> read_subject(const json::node& claims) {
    const json::node* subject = claims.member("sub");
    if (subject == nullptr || subject->type != json::kind::string) return std::nullopt;
    const std::size_t colon = subject->text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto date_of = [&](std::string_view name) {
        const json::node* member = claims.member(name);
        return member == nullptr ? std::nullopt : numeric_date(*member);
    };
    return token_claims{std::string(subject->text.substr(0, colon)),
                        std::string(subject->text.substr(colon + 1)),
                        std::string(only_string(claims, "jti").value_or("")),
                        date_of("iat"),
                        date_of("exp"),
                        date_of("nbf")};
}

} // namespace

bool token_claims::is_valid_at(std::chrono::system_clock::time_point now) const noexcept {
    const double seconds = unix_seconds(now);
    return (!expires_at || seconds < *expires_at) && (!not_before || seconds >= *not_before);
}

class token_signer::impl {
public:
    impl(const std::string& key, const std::string& previous_key, bool allow_no_expiration)
        : keyed_(keyed_context(key)),
          previous_(previous_key.empty() ? nullptr : keyed_context(previous_key)),
          allow_no_expiration_(allow_no_expiration) {}

    signature sign(std::string_view text) const { return sign(*keyed_, text); }

    bool is_signed(const token_segments& token) const {
        const std::optional<std::string> given = base64url_decode(token.signature);
        if (!given || given->size() != signature{}.size()) return false;
        return fits(*keyed_, token.signed_part, *given) || (previous_ && fits(*previous_, token.signed_part, *given));
    }

    bool needs_expiration() const { return !allow_no_expiration_; }

private:
    // Uses a copy of the keyed context, so that the key is processed only once and threads share nothing mutable.
    static signature sign(const EVP_MAC_CTX& keyed, std::string_view text) {
        const mac_context context(EVP_MAC_CTX_dup(&keyed));
        if (!context) throw_lack_of_memory();
        signature out{};
        std::size_t size = 0;
        const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
        if (EVP_MAC_update(context.get(), bytes, text.size()) != 1 || EVP_MAC_final(context.get(), out.data(), &size, out.size()) != 1 ||
            size != out.size()) {
            throw_lack_of_memory();
        }
        return out;
    }

    static bool fits(const EVP_MAC_CTX& keyed, std::string_view text, std::string_view given) {
        const signature wanted = sign(keyed, text);
        return CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
    }

    mac_context keyed_;
    mac_context previous_; ///< null if there is none
    bool allow_no_expiration_;
};

token_signer::token_signer(std::string key, bool allow_no_expiration, std::string previous_key)
    : impl_(std::make_unique<impl>(key, previous_key, allow_no_expiration)) {
    OPENSSL_cleanse(key.data(), key.size());
    OPENSSL_cleanse(previous_key.data(), previous_key.size());
}

token_signer::~token_signer() = default;

namespace {

std::string claims_of(std::string_view subject, std::chrono::sys_seconds expires, std::optional<std::chrono::sys_seconds> issued,
                      std::string_view id) {
    std::string claims;
    object_writer writer(claims);
    writer.add("sub", subject);
    writer.add("exp", static_cast<std::int64_t>(expires.time_since_epoch().count()));
    if (issued) writer.add("iat", static_cast<std::int64_t>(issued->time_since_epoch().count()));
    if (!id.empty()) writer.add("jti", id);
    writer.close();
    return claims;
}

template <class Signer>
std::string signed_token(const Signer& signer, std::string_view claims) {
    std::string token(usual_header);
    token.append(1, '.').append(base64url_encode(claims));
    const signature mac = signer.sign(token);
    return token.append(1, '.').append(base64url_encode({reinterpret_cast<const char*>(mac.data()), mac.size()}));
}

} // namespace

std::string token_signer::sign(std::string_view subject, std::chrono::sys_seconds expires) const {
    return signed_token(*impl_, claims_of(subject, expires, {}, {}));
}

std::string token_signer::sign(std::string_view subject, std::chrono::sys_seconds expires, std::chrono::sys_seconds issued,
                               std::string_view id) const {
    return signed_token(*impl_, claims_of(subject, expires, issued, id));
}

std::optional<token_claims> token_signer::verify(std::string_view token, std::chrono::system_clock::time_point now) const {
    const auto segments = split_token(token);
    if (!segments || !is_acceptable_header(segments->header) || !impl_->is_signed(*segments)) return std::nullopt;
    const auto document = read_object(segments->claims);
    if (!document) return std::nullopt;
    const json::node& claims = document->root();
    for (const std::string_view name : {"sub", "exp", "nbf", "iat"}) {
        if (repeats(claims, name)) return std::nullopt;
    }
    if (claims.member("aud") != nullptr || !is_timely(claims, impl_->needs_expiration(), unix_seconds(now))) return std::nullopt;
    return read_subject(claims);
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

std::optional<credentials> parse_basic(std::string_view header_value) {
    const std::optional<std::string> text = base64_decode(header_value);
    if (!text) return std::nullopt;
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    const std::size_t colon = text->find(':');
    if (colon == std::string::npos || !std::all_of(text->begin(), text->end(), is_ascii)) return std::nullopt;
    return credentials{text->substr(0, colon), text->substr(colon + 1)};
}

} // namespace ctms::auth
