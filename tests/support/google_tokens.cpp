// SPDX-License-Identifier: MPL-2.0
#include "google_tokens.hpp"

#include "base/base64.hpp"

#include <ctms/base/json_text.hpp>

#include <fmt/core.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdexcept>
#include <utility>

namespace ctms::test {
namespace {

template <auto Free>
struct freed_by {
    template <class Object>
    void operator()(Object* object) const {
        Free(object);
    }
};
template <class Object, auto Free>
using owned = std::unique_ptr<Object, freed_by<Free>>;

template <class Object>
Object* checked(Object* made) {
    if (made == nullptr) throw std::runtime_error("OpenSSL returned a null pointer");
    return made;
}

void checked(int outcome) {
    if (outcome <= 0) throw std::runtime_error("OpenSSL failed");
}

std::string signature_of(EVP_PKEY* key, std::string_view text) {
    const owned<EVP_MD_CTX, EVP_MD_CTX_free> context(checked(EVP_MD_CTX_new()));
    checked(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key));
    std::string out(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
    std::size_t size = out.size();
    checked(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                           reinterpret_cast<const unsigned char*>(text.data()), text.size()));
    out.resize(size);
    return out;
}

std::string pem_of(X509* certificate) {
    const owned<BIO, BIO_free> memory(checked(BIO_new(BIO_s_mem())));
    checked(PEM_write_bio_X509(memory.get(), certificate));
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(memory.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

template <class WriteKey>
std::string joined(const std::vector<google_key>& keys, WriteKey write_key) {
    std::string out;
    for (const auto& key : keys) (out += out.empty() ? "" : ",") += write_key(key);
    return out;
}

} // namespace

struct google_key::state {
    owned<EVP_PKEY, EVP_PKEY_free> pair;
};

google_key google_key::rsa(std::string id, unsigned bits) {
    return {std::move(id), std::shared_ptr<const state>(new state{{checked(EVP_RSA_gen(bits)), {}}})};
}

google_key google_key::elliptic(std::string id) {
    return {std::move(id), std::shared_ptr<const state>(new state{{checked(EVP_EC_gen("P-256")), {}}})};
}

google_key google_key::hollow(std::string id, int bits) {
    const owned<BIGNUM, BN_free> modulus(checked(BN_new()));
    const owned<BIGNUM, BN_free> exponent(checked(BN_new()));
    checked(BN_rand(modulus.get(), bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
    checked(BN_set_word(exponent.get(), 65537));
    const owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(checked(OSSL_PARAM_BLD_new()));
    checked(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()));
    checked(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()));
    const owned<OSSL_PARAM, OSSL_PARAM_free> parameters(checked(OSSL_PARAM_BLD_to_param(builder.get())));
    const owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(checked(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)));
    checked(EVP_PKEY_fromdata_init(context.get()));
    EVP_PKEY* made = nullptr;
    checked(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()));
    return {std::move(id), std::shared_ptr<const state>(new state{{made, {}}})};
}

std::string google_key::certificate() const {
    static const owned<EVP_PKEY, EVP_PKEY_free> issuer(checked(EVP_EC_gen("P-256")));
    const owned<X509, X509_free> made(checked(X509_new()));
    checked(X509_set_version(made.get(), X509_VERSION_3));
    checked(ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1));
    checked(ASN1_TIME_set_string(X509_getm_notBefore(made.get()), "20000101000000Z"));
    checked(ASN1_TIME_set_string(X509_getm_notAfter(made.get()), "20000102000000Z"));
    checked(X509_set_pubkey(made.get(), key_->pair.get()));
    checked(X509_sign(made.get(), issuer.get(), EVP_sha256()));
    return pem_of(made.get());
}

std::string google_key::modulus() const {
    BIGNUM* raw = nullptr;
    checked(EVP_PKEY_get_bn_param(key_->pair.get(), OSSL_PKEY_PARAM_RSA_N, &raw));
    const owned<BIGNUM, BN_free> number(raw);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
    BN_bn2bin(raw, reinterpret_cast<unsigned char*>(bytes.data()));
    return base64url_encode(bytes);
}

std::string google_key::web_key(std::string_view exponent, std::string_view more) const {
    return fmt::format(R"({{"kty":"RSA","kid":"{}","n":"{}","e":"{}"{}}})", id_, modulus(), exponent, more);
}

std::string google_key::token(std::string_view claims, std::string_view header) const {
    const auto usual = fmt::format(R"({{"alg":"RS256","kid":"{}","typ":"JWT"}})", id_);
    const auto text = base64url_encode(header.empty() ? usual : header) + "." + base64url_encode(claims);
    return text + "." + base64url_encode(signature_of(key_->pair.get(), text));
}

std::string certificates_of(const std::vector<google_key>& keys) {
    return "{" +
           joined(keys,
                  [](const google_key& key) {
                      std::string entry;
                      append_json_string(entry, key.id());
                      entry += ':';
                      append_json_string(entry, key.certificate());
                      return entry;
                  }) +
           "}";
}

std::string key_set_of(const std::vector<google_key>& keys) {
    return R"({"keys":[)" + joined(keys, [](const google_key& key) { return key.web_key("AQAB", R"(,"alg":"RS256","use":"sig")"); }) + "]}";
}

} // namespace ctms::test
