// SPDX-License-Identifier: MPL-2.0
// Certificates made at run time, for servers inside tests. All functions may be called from any thread.
#pragma once

#include <string>
#include <vector>

namespace ctms::test {

struct certificate {
    std::string cert_pem;
    std::string key_pem;
};

/// Makes a self-signed certificate with a new key, valid from an hour ago until tomorrow. `names`: the DNS names and IP
/// addresses it is valid for, e.g. {"localhost", "127.0.0.1"}. A client that trusts cert_pem trusts the server.
/// Throws std::runtime_error when OpenSSL fails.
[[nodiscard]] certificate make_certificate(const std::vector<std::string>& names);

/// A file with the given content (a CA file, for example) that is deleted with the object. Throws std::system_error.
class temporary_file {
public:
    explicit temporary_file(const std::string& text);
    ~temporary_file();
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

} // namespace ctms::test
