// SPDX-License-Identifier: MPL-2.0
#include "certificate.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>

namespace ctms::test {
namespace {

template <auto Free>
struct releaser {
    template <class T>
    void operator()(T* one) const {
        Free(one);
    }
};
template <class T, auto Free>
using owned = std::unique_ptr<T, releaser<Free>>;

template <class T>
T* need(T* made) {
    if (made == nullptr) throw std::runtime_error("OpenSSL cannot make a certificate");
    return made;
}

void need(int success) {
    if (success <= 0) throw std::runtime_error("OpenSSL cannot make a certificate");
}

bool is_address(const std::string& name) { return name.find_first_not_of("0123456789.") == std::string::npos; }

std::string alternative_names(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
    return out;
}

void add_extension(X509* to, int id, const std::string& value) {
    const owned<X509_EXTENSION, X509_EXTENSION_free> one(need(X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str())));
    need(X509_add_ext(to, one.get(), -1));
}

template <class Write>
std::string to_pem(Write write) {
    const owned<BIO, BIO_free> memory(need(BIO_new(BIO_s_mem())));
    need(write(memory.get()));
    char* data = nullptr;
    const auto size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

} // namespace

certificate make_certificate(const std::vector<std::string>& names) {
    constexpr long hour = 3600;
    const owned<EVP_PKEY, EVP_PKEY_free> key(need(EVP_EC_gen("P-256")));
    const owned<X509, X509_free> one(need(X509_new()));
    std::uint64_t serial = 0;
    need(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial));
    need(X509_set_version(one.get(), X509_VERSION_3));
    need(ASN1_INTEGER_set_uint64(X509_get_serialNumber(one.get()), serial >> 1));
    need(X509_gmtime_adj(X509_getm_notBefore(one.get()), -hour));
    need(X509_gmtime_adj(X509_getm_notAfter(one.get()), 24 * hour));
    auto* subject = X509_get_subject_name(one.get());
    const auto* common_name = reinterpret_cast<const unsigned char*>(names.at(0).c_str());
    need(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common_name, -1, -1, 0));
    need(X509_set_issuer_name(one.get(), subject));
    need(X509_set_pubkey(one.get(), key.get()));
    add_extension(one.get(), NID_subject_alt_name, alternative_names(names));
    add_extension(one.get(), NID_basic_constraints, "critical,CA:TRUE");
    need(X509_sign(one.get(), key.get(), EVP_sha256()));
    return {to_pem([&](BIO* out) { return PEM_write_bio_X509(out, one.get()); }),
            to_pem([&](BIO* out) { return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

} // namespace ctms::test
