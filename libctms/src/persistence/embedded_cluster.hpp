// SPDX-License-Identifier: MPL-2.0
// The files of an embedded PostgreSQL: where they are, which account owns them, which binaries fit, and their making.
// Call with the directory's start lock held. Throws embedded_failure with a sentence that says what to do.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctms::persistence {

class embedded_failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What stands in the directory.
struct embedded_layout {
    std::filesystem::path root; ///< absolute
    [[nodiscard]] std::filesystem::path data() const { return root / "postgres"; }
    [[nodiscard]] std::filesystem::path log() const { return root / "log"; }
    [[nodiscard]] std::filesystem::path users_lock() const { return root / "users.lock"; }
    [[nodiscard]] std::filesystem::path start_lock() const { return root / "start.lock"; }
    [[nodiscard]] std::filesystem::path supervisor_lock() const { return root / "supervisor.lock"; }
    /// Names the socket's folder when it cannot be `root`/run.
    [[nodiscard]] std::filesystem::path run_path_file() const { return root / "run.path"; }
};

/// The account that the server runs under: PostgreSQL refuses root.
struct server_account {
    bool switched = false; ///< false: our own
    uid_t user = 0;
    gid_t group = 0;
    std::string name;
};

[[nodiscard]] server_account choose_account();

/// `program` as the account; it gets `signal` when the process that started it ends.
[[nodiscard]] std::vector<std::string> as_account(const server_account& account, const std::string& signal,
                                                  std::vector<std::string> program);

/// Makes the directory, absolute and with links resolved. One that exists is taken as it is.
[[nodiscard]] embedded_layout prepare_directory(const std::filesystem::path& directory);

/// Fails when the account may not enter the directory or a folder above it.
void check_reachable(const embedded_layout& layout, const server_account& account);

/// The folder of the PostgreSQL binaries that fit the cluster, if there is one yet, else the newest.
[[nodiscard]] std::filesystem::path find_binaries(const embedded_layout& layout);

/// Runs initdb unless there is a cluster. An interrupted run leaves nothing that counts.
void ensure_cluster(const embedded_layout& layout, const server_account& account, const std::filesystem::path& binaries);

/// The folder of the socket, where it is now; nullopt when there is none yet.
[[nodiscard]] std::optional<std::filesystem::path> find_socket_folder(const embedded_layout& layout);
[[nodiscard]] std::filesystem::path ensure_socket_folder(const embedded_layout& layout, const server_account& account);

/// The last lines of the log, for messages.
[[nodiscard]] std::string end_of_log(const embedded_layout& layout);

} // namespace ctms::persistence
