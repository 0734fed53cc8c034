// SPDX-License-Identifier: MPL-2.0
// Certificates made at run time, for servers inside tests. Functions may be called from any thread.
#pragma once

#include <string>
#include <vector>

namespace ctms::test {

struct certificate {
    std::string cert_pem;
    std::string key_pem;
};

/// A self-signed certificate, valid from an hour ago until tomorrow, with a new key. `names`: DNS names and IP addresses
/// that it is for, e.g. {"localhost", "127.0.0.1"}. A client that trusts cert_pem trusts the server.
/// Throws std::runtime_error when OpenSSL refuses.
[[nodiscard]] certificate make_certificate(const std::vector<std::string>& names);

/// A file that holds a text (a CA file, say) for as long as the object lives. Throws std::system_error.
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
