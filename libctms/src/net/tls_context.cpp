// SPDX-License-Identifier: MPL-2.0
#include "tls_context.hpp"

#include <openssl/ssl.h>

#include <stdexcept>

namespace ctms::net {

boost::asio::ssl::context make_tls_context(const std::string& ca_file) {
    boost::asio::ssl::context out(boost::asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(out.native_handle(), TLS1_2_VERSION);
    out.set_verify_mode(boost::asio::ssl::verify_peer);
    if (ca_file.empty()) {
        out.set_default_verify_paths(); // respects SSL_CERT_FILE and SSL_CERT_DIR
        return out;
    }
    boost::system::error_code ec;
    out.load_verify_file(ca_file, ec);
    if (ec) throw std::invalid_argument("cannot read certificates from " + ca_file);
    return out;
}

} // namespace ctms::net
