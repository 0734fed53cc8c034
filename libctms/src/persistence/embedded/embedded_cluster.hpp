// SPDX-License-Identifier: MPL-2.0
// The files of an embedded PostgreSQL: where they are, which account owns them, which binaries fit, and their making.
// Call with the directory's start lock held. Throws embedded_failure with a sentence that says what to do.
#pragma once

#include "embedded_files.hpp"

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ctms::persistence {

/// What the directory holds.
struct embedded_layout {
    static constexpr auto log_name = "log";
    static constexpr auto users_lock_name = "users.lock";
    static constexpr auto start_lock_name = "start.lock";
    static constexpr auto supervisor_lock_name = "supervisor.lock";
    static constexpr auto run_path_name = "run.path"; ///< names the socket's folder when it cannot be `root`/run
    static constexpr auto data_name = "postgres";
    static constexpr auto run_name = "run";

    own_directory folder;

    [[nodiscard]] const std::filesystem::path& root() const { return folder.path(); }
    [[nodiscard]] std::filesystem::path data() const { return root() / data_name; }
    [[nodiscard]] std::filesystem::path log() const { return root() / log_name; }
    [[nodiscard]] std::filesystem::path users_lock() const { return root() / users_lock_name; }

    /// The log, to append to; made when it is missing.
    [[nodiscard]] file_handle open_log() const;
    /// A file that is there to be locked; made when it is missing.
    [[nodiscard]] file_handle open_lock(const char* name) const;
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

/// Makes the directory, absolute and with links resolved, or opens it: refused when it is not ours alone to change.
[[nodiscard]] embedded_layout prepare_directory(const std::filesystem::path& directory);

/// Refuses a cluster or a socket's folder that does not belong to the account.
void check_owners(const embedded_layout& layout, const server_account& account);

/// Fails when the account may not enter the directory or a folder above it.
void check_reachable(const embedded_layout& layout, const server_account& account);

/// The folder of the PostgreSQL binaries that fit the cluster, if there is one yet, else the newest.
[[nodiscard]] std::filesystem::path find_binaries(const embedded_layout& layout);

/// Runs initdb unless there is a cluster. An interrupted run leaves nothing that counts.
void ensure_cluster(const embedded_layout& layout, const server_account& account, const std::filesystem::path& binaries);

/// The folder of the socket, where it is now; nullopt when there is none yet.
[[nodiscard]] std::optional<std::filesystem::path> find_socket_folder(const embedded_layout& layout, const server_account& account);

/// The process that postmaster.pid names, when it works inside the cluster; "" otherwise.
[[nodiscard]] std::string recorded_server(const embedded_layout& layout, const server_account& account);
[[nodiscard]] std::filesystem::path ensure_socket_folder(const embedded_layout& layout, const server_account& account);

/// The last lines of the log, for messages.
[[nodiscard]] std::string end_of_log(const embedded_layout& layout);

} // namespace ctms::persistence
