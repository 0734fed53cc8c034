// SPDX-License-Identifier: MPL-2.0
#include "google_keys.hpp"

#include "base/base64.hpp"
#include "jwt.hpp"
#include "json/document.hpp"

#include <ctms/base/utf8.hpp>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <new>
#include <utility>
#include <variant>

namespace ctms::auth {
namespace {

constexpr int least_bits = 2048;
constexpr int most_bits = 8192;
constexpr int most_exponent_bits = 64; // OpenSSL's own limit for large keys

struct openssl_free {
    void operator()(BIO* object) const { BIO_free(object); }
    void operator()(X509* object) const { X509_free(object); }
    void operator()(BIGNUM* object) const { BN_free(object); }
    void operator()(OSSL_PARAM* object) const { OSSL_PARAM_free(object); }
    void operator()(OSSL_PARAM_BLD* object) const { OSSL_PARAM_BLD_free(object); }
    void operator()(EVP_PKEY_CTX* object) const { EVP_PKEY_CTX_free(object); }
    void operator()(EVP_MD_CTX* object) const { EVP_MD_CTX_free(object); }
};
template <class Object>
using owned = std::unique_ptr<Object, openssl_free>;

// Failures are expected here. Errors that they leave in the thread's error queue would be mistaken for errors of the next
// TLS connection of that thread.
class error_queue_kept {
public:
    error_queue_kept() { ERR_set_mark(); }
    ~error_queue_kept() { ERR_pop_to_mark(); }
    error_queue_kept(const error_queue_kept&) = delete;
    error_queue_kept& operator=(const error_queue_kept&) = delete;
};

public_key own(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

bool is_usable(const EVP_PKEY* key) {
    if (key == nullptr || EVP_PKEY_is_a(key, "RSA") != 1) return false;
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < least_bits || bits > most_bits) return false;
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) != 1) return false;
    const owned<BIGNUM> exponent(raw);
    // With an exponent of 1 anybody could forge a signature.
    return BN_is_odd(raw) == 1 && BN_is_one(raw) != 1 && BN_num_bits(raw) <= most_exponent_bits;
}

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

// Ignores the dates and the issuer of the certificate, which is only the container of the key.
public_key read_certificate(const json::node& entry) {
    if (entry.type != json::kind::string) return nullptr;
    const owned<BIO> text(BIO_new_mem_buf(entry.text.data(), static_cast<int>(entry.text.size())));
    if (!text) throw std::bad_alloc();
    // Without this callback OpenSSL would ask for the passphrase of an encrypted text on the terminal.
    const owned<X509> certificate(PEM_read_bio_X509(text.get(), nullptr, no_passphrase, nullptr));
    return certificate ? own(X509_get_pubkey(certificate.get())) : nullptr;
}

owned<BIGNUM> read_number(const json::node& entry, std::string_view name) {
    const auto text = only_string(entry, name);
    const auto bytes = text ? base64url_decode(*text) : std::nullopt;
    if (!bytes || bytes->empty() || bytes->size() > most_bits / 8) return nullptr;
    return owned<BIGNUM>(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()), static_cast<int>(bytes->size()), nullptr));
}

public_key make_key(const BIGNUM* modulus, const BIGNUM* exponent) {
    const owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    const owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    if (!builder || !context) throw std::bad_alloc();
    if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent) != 1) {
        throw std::bad_alloc();
    }
    const owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    EVP_PKEY* key = nullptr;
    if (!parameters || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return nullptr;
    }
    return own(key);
}

// RFC 7517, 4 and RFC 7518, 6.3.1. `use` and `alg` are optional, but must have the right value if present.
public_key read_web_key(const json::node& entry) {
    if (entry.type != json::kind::object || only_string(entry, "kty") != "RSA") return nullptr;
    if (entry.member("use") != nullptr && only_string(entry, "use") != "sig") return nullptr;
    if (entry.member("alg") != nullptr && only_string(entry, "alg") != "RS256") return nullptr;
    const auto modulus = read_number(entry, "n");
    const auto exponent = read_number(entry, "e");
    return modulus && exponent ? make_key(modulus.get(), exponent.get()) : nullptr;
}

void keep(key_map& keys, std::string_view id, public_key key) {
    if (is_usable(key.get())) keys.insert_or_assign(std::string(id), std::move(key));
}

key_map read_certificates(const json::node& document) {
    key_map keys;
    for (const auto* entry = document.first; entry != nullptr && keys.size() < most_keys; entry = entry->next) {
        keep(keys, entry->key, read_certificate(*entry));
    }
    return keys;
}

key_map read_key_set(const json::node& list) {
    key_map keys;
    for (const auto* entry = list.first; entry != nullptr && keys.size() < most_keys; entry = entry->next) {
        const auto id = only_string(*entry, "kid");
        if (id) keep(keys, *id, read_web_key(*entry));
    }
    return keys;
}

} // namespace

std::optional<key_map> read_keys(std::string_view body) {
    if (!is_valid_utf8(body)) return std::nullopt;
    const auto outcome = json::document::parse(body, {});
    const auto* document = std::get_if<json::document>(&outcome);
    if (document == nullptr || document->root().type != json::kind::object) return std::nullopt;
    const error_queue_kept errors;
    const json::node* list = document->root().member("keys");
    const bool is_key_set = list != nullptr && list->type == json::kind::array;
    key_map keys = is_key_set ? read_key_set(*list) : read_certificates(document->root());
    if (keys.empty()) return std::nullopt;
    return keys;
}

bool is_signed_by(EVP_PKEY& key, std::string_view text, std::string_view signature) {
    const error_queue_kept errors;
    const bool was_empty = ERR_peek_error() == 0;
    const owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
    if (!context) throw std::bad_alloc();
    // OpenSSL uses PKCS #1 v1.5 for RSA keys by default.
    if (EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, &key) != 1) throw std::bad_alloc();
    if (EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1) {
        return true;
    }
    // For a wrong signature, OpenSSL first records a reason of its RSA code. Any other failure is a lack of memory, even if none is
    // recorded.
    const auto why = ERR_peek_error();
    const bool is_wrong = !was_empty || (ERR_GET_LIB(why) == ERR_LIB_RSA && ERR_GET_REASON(why) != ERR_R_MALLOC_FAILURE);
    if (!is_wrong) throw std::bad_alloc();
    return false;
}

} // namespace ctms::auth
