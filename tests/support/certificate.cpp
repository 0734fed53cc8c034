// SPDX-License-Identifier: MPL-2.0
#include "certificate.hpp"

#include <boost/asio/ip/address.hpp>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace ctms::test {
namespace {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* one) const {
        Free(one);
    }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;

void demand(bool fine) {
    if (!fine) throw std::runtime_error("OpenSSL cannot make a certificate");
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) {
        boost::system::error_code no_address;
        boost::asio::ip::make_address(name, no_address);
        out += (out.empty() ? "" : ",") + std::string(no_address ? "DNS:" : "IP:") + name;
    }
    return out;
}

void add_extension(X509* cert, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
    const extension_ptr one(::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    demand(one != nullptr && ::X509_add_ext(cert, one.get(), -1) == 1);
}

/// Each certificate needs a new serial number, or a client from another run could mistake it for an older certificate.
void set_serial(X509* cert) {
    std::uint32_t serial = 0;
    demand(::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    demand(::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(cert), serial) == 1);
}

cert_ptr make_signed(EVP_PKEY* key, const std::vector<std::string>& names) {
    constexpr long hour = 3600;
    cert_ptr out(::X509_new());
    auto* cert = out.get();
    demand(cert != nullptr && ::X509_set_version(cert, X509_VERSION_3) == 1);
    set_serial(cert);
    ::X509_gmtime_adj(::X509_getm_notBefore(cert), -hour);
    ::X509_gmtime_adj(::X509_getm_notAfter(cert), 24 * hour);
    auto* subject = ::X509_get_subject_name(cert);
    const auto* title = reinterpret_cast<const unsigned char*>("CTMS test");
    demand(::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, title, -1, -1, 0) == 1);
    demand(::X509_set_issuer_name(cert, subject) == 1 && ::X509_set_pubkey(cert, key) == 1);
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_subject_alt_name, alternative_names(names));
    demand(::X509_sign(cert, key, ::EVP_sha256()) > 0);
    return out;
}

template <class Write>
std::string to_pem(Write write) {
    const bio_ptr memory(::BIO_new(::BIO_s_mem()));
    demand(memory != nullptr && write(memory.get()) == 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

} // namespace

certificate make_certificate(const std::vector<std::string>& names) {
    const key_ptr key(EVP_EC_gen("P-256"));
    demand(key != nullptr);
    const auto cert = make_signed(key.get(), names);
    return {to_pem([&](BIO* out) { return ::PEM_write_bio_X509(out, cert.get()); }),
            to_pem([&](BIO* out) { return ::PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

temporary_file::temporary_file(const std::string& text) : path_((std::filesystem::temp_directory_path() / "ctms-test-XXXXXX").string()) {
    const int file = ::mkstemp(path_.data());
    if (file < 0) throw std::system_error(errno, std::generic_category(), "mkstemp");
    ::close(file);
    std::ofstream(path_) << text;
}

temporary_file::~temporary_file() { ::unlink(path_.c_str()); }

} // namespace ctms::test
