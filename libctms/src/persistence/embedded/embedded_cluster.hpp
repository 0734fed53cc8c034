// SPDX-License-Identifier: MPL-2.0
// The files of an embedded PostgreSQL: where they are, which account owns them, which binaries fit, and how they are created.
// The caller must hold the directory's start lock. Throws embedded_failure with a message that says what to do.
#pragma once

#include "embedded_files.hpp"

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ctms::persistence {

/// The contents of the data directory.
struct embedded_layout {
    static constexpr auto log_name = "log";
    static constexpr auto users_lock_name = "users.lock";
    static constexpr auto start_lock_name = "start.lock";
    static constexpr auto supervisor_lock_name = "supervisor.lock";
    static constexpr auto run_path_name = "run.path"; ///< contains the path of the socket's folder if that is not `root`/run
    static constexpr auto data_name = "postgres";
    static constexpr auto run_name = "run";

    own_directory folder;

    [[nodiscard]] const std::filesystem::path& root() const { return folder.path(); }
    [[nodiscard]] std::filesystem::path data() const { return root() / data_name; }
    [[nodiscard]] std::filesystem::path log() const { return root() / log_name; }
    [[nodiscard]] std::filesystem::path users_lock() const { return root() / users_lock_name; }

    /// Opens the log for appending, and creates it if it is missing.
    [[nodiscard]] file_handle open_log() const;
    /// Opens a lock file, and creates it if it is missing.
    [[nodiscard]] file_handle open_lock(const char* name) const;
};

/// The account that the server runs under, because PostgreSQL refuses to run as root.
struct server_account {
    bool switched = false; ///< false: the account of this process
    uid_t user = 0;
    gid_t group = 0;
    std::string name;
};

[[nodiscard]] server_account choose_account();

/// The command that runs `program` as the account. The program gets `signal` when the process that started it ends.
[[nodiscard]] std::vector<std::string> as_account(const server_account& account, const std::string& signal,
                                                  std::vector<std::string> program);

/// Creates or opens the directory, and resolves links in its path. Refuses a directory that other accounts can change.
[[nodiscard]] embedded_layout prepare_directory(const std::filesystem::path& directory);

/// Refuses a cluster or a socket folder that does not belong to the account.
void check_owners(const embedded_layout& layout, const server_account& account);

/// Fails if the account may not enter the directory or a folder above it.
void check_reachable(const embedded_layout& layout, const server_account& account);

/// The folder of the PostgreSQL binaries that match the cluster, or of the newest ones if there is no cluster yet. Throws embedded_refusal
/// if there are only programs of another version.
[[nodiscard]] std::filesystem::path find_binaries(const embedded_layout& layout);

/// The folder of the binaries to use for a new cluster: CTMS_PG_BINDIR, or the newest ones that are installed.
[[nodiscard]] std::filesystem::path newest_binaries();

/// Where Debian's packages have the binaries of a major version.
[[nodiscard]] std::filesystem::path usual_binaries(int version);

/// Whether the folder contains the programs of a server.
[[nodiscard]] bool holds_server(const std::filesystem::path& folder);

/// The major version of the binaries in a folder.
[[nodiscard]] int version_of_binaries(const std::filesystem::path& folder);

/// The major version that made the cluster; 0 if there is no cluster.
[[nodiscard]] int version_of_cluster(const embedded_layout& layout);

/// Whether any process runs in the cluster's folder. postmaster.pid is not enough: it may be stale, its number may belong to another
/// program by now, and backends live a moment longer than a killed postmaster.
[[nodiscard]] bool in_use(const std::filesystem::path& data);

/// Creates an empty folder that only the account can enter, to be renamed when it is complete.
[[nodiscard]] std::filesystem::path make_draft(const embedded_layout& layout, const server_account& account);

/// Runs initdb in an empty folder of the account, with more arguments if necessary.
void create_cluster(const embedded_layout& layout, const server_account& account, const std::filesystem::path& binaries,
                    const std::filesystem::path& folder, const std::vector<std::string>& more = {});

/// Removes the folders that interrupted runs have left.
void remove_drafts(const embedded_layout& layout);

/// Runs initdb unless there is already a cluster. Returns whether it did. An interrupted run leaves nothing that is mistaken for a cluster.
bool ensure_cluster(const embedded_layout& layout, const server_account& account, const std::filesystem::path& binaries);

/// The current folder of the socket; nullopt if there is none yet.
[[nodiscard]] std::optional<std::filesystem::path> find_socket_folder(const embedded_layout& layout, const server_account& account);

/// The process number in postmaster.pid if that process runs in the cluster's folder; "" otherwise.
[[nodiscard]] std::string recorded_server(const embedded_layout& layout, const server_account& account);
[[nodiscard]] std::filesystem::path ensure_socket_folder(const embedded_layout& layout, const server_account& account);

/// The last lines of the log, for messages.
[[nodiscard]] std::string end_of_log(const embedded_layout& layout);

} // namespace ctms::persistence
