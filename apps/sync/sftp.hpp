// SPDX-License-Identifier: MPL-2.0
// The vendor's file server, over SFTP with libcurl: files that jobs read are in the folder "upload", those that they write in "download",
// as the vendor's reference of ImportList and GetJobStatus says. Each transfer is a connection of its own. The server's key must be in the
// file of known hosts. One thread at a time.
#pragma once

#include <ctms/acoustic/import.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace ctms::sync_app {

/// The server, and the account at it.
struct sftp_options {
    std::string host;                          ///< a name or an IP address
    std::uint16_t port = 22;                   ///< its port
    std::string user;                          ///< name of the account
    std::string password;                      ///< of the account; not used with a key
    std::string key_file;                      ///< file with the private key of the account, not encrypted; "" for the password
    std::string known_hosts;                   ///< file with keys of servers, in OpenSSH's format
    std::chrono::milliseconds connect{10'000}; ///< longest time to connect, which includes the key exchange
    std::chrono::seconds stall{30};            ///< longest time without a byte
    std::chrono::seconds longest{1'800};       ///< longest time of a transfer
    std::chrono::seconds longest_removal{10};  ///< longest time to remove a file
};

/// Whether the system's libcurl can do it. Thread safe.
[[nodiscard]] bool has_sftp() noexcept;

class sftp final : public acoustic::file_exchange {
public:
    explicit sftp(sftp_options options);

    [[nodiscard]] result<void> upload(const std::string& name, const source& next, const std::stop_token& stop) override;
    [[nodiscard]] result<std::string> download(const std::string& name, std::size_t most, const std::stop_token& stop) override;
    [[nodiscard]] result<void> remove(const std::string& path) override;

private:
    sftp_options options_;
};

} // namespace ctms::sync_app
