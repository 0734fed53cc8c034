// SPDX-License-Identifier: MPL-2.0
// Certificates for servers of tests, made when they are needed, so that none is kept and none runs out.
// Thread safe. Throws std::runtime_error when OpenSSL fails.
#pragma once

#include <string>
#include <vector>

namespace ctms::test {

struct certificate {
    std::string cert_pem;
    std::string key_pem;
};

/// Signed by itself, good for a day, for these names: "localhost", "127.0.0.1".
[[nodiscard]] certificate make_certificate(const std::vector<std::string>& names);

} // namespace ctms::test
