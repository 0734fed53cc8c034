// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/certificate.hpp>

#include <ctms/base/files.hpp>

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

namespace ctms::net {

result<timestamp> certificate_end(const std::string& file) {
    constexpr std::size_t longest_file = 1U << 20U;
    const auto text = read_regular_file(file, longest_file);
    if (!text) return text.error();
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> first(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
    std::tm end{};
    if (!first || ASN1_TIME_to_tm(X509_get0_notAfter(first.get()), &end) != 1) return invalid(fmt::format("{} has no certificate", file));
    return timestamp(std::chrono::seconds(::timegm(&end)));
}

} // namespace ctms::net
