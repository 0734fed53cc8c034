// SPDX-License-Identifier: MPL-2.0
// OpenSSH's server on the loopback, as the vendor's file server: an account without a password, whose folder has `upload` and `download`.
// If the test runs as root, the server runs as `nobody`, because as root it would need a folder of the system. Not thread safe. Throws
// std::runtime_error if it cannot start.
#pragma once

#include <support/child_process.hpp>
#include <support/test_database.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ctms::test {

class sftp_server {
public:
    /// `most_kib`: files cannot become larger, as if the disk were full; 0 for no limit.
    explicit sftp_server(int most_kib = 0);

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const std::string& user() const { return user_; }
    [[nodiscard]] std::string key_file() const { return in("client_key"); }
    [[nodiscard]] std::string known_hosts() const { return in("known_hosts"); }
    /// The account's folder.
    [[nodiscard]] std::string exchange() const { return in("exchange"); }
    /// The names of the files in the folder `upload`.
    [[nodiscard]] std::vector<std::string> uploaded() const;

    /// Starts again with another key, which the file of known hosts does not have.
    void change_host_key();
    /// Starts again with a limit for the size of files, or without one.
    void restart(int most_kib);
    /// Sends a signal to the processes that serve connections.
    void signal_connections(int number) const;
    /// What the server logged.
    [[nodiscard]] std::string log() const { return server_->log(); }

private:
    [[nodiscard]] std::string in(const std::string& name) const { return (folder_.path() / name).string(); }
    void make_key(const std::string& name) const;
    void start(int most_kib);

    temporary_directory folder_;
    std::string user_;
    std::uint16_t port_ = 0;
    std::unique_ptr<child_process> server_;
};

} // namespace ctms::test
