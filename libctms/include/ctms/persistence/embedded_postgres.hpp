// SPDX-License-Identifier: MPL-2.0
// A private PostgreSQL for development, demonstrations and tests: started from the installed binaries,
// on a Unix socket inside its directory, no TCP, fsync on. Several programs may use one directory at
// once; the server stops cleanly when the last of them is gone, even when that one was killed.
// Not for production: use a server that somebody watches.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace ctms::persistence {

/// How the server runs.
struct CTMS_API embedded_options {
    std::chrono::seconds linger{0}; ///< how long the server stays after its last user: for many short programs in a row
    bool durable = true;            ///< false: no fsync, for tests whose data nobody needs after a crash
};

/// Holding one keeps the server running. Move-only. Errors of start() are errc::unavailable with a
/// message that says what to do (binaries missing, directory not reachable by the server's account, ...), and errc::invalid
/// for a directory that another account owns, can change, or has put files or links into.
class CTMS_API embedded_postgres {
public:
    /// Makes the directory and the cluster when they are missing (about a second), starts the server or joins the one
    /// that runs (with the options it was started with), and makes the database `ctms`. As root the server runs as
    /// `postgres`, or `nobody`. Waits at most 30 s. CTMS_PG_BINDIR names the binaries' folder when it is not the usual one.
    [[nodiscard]] static result<embedded_postgres> start(const std::filesystem::path& directory, const embedded_options& options = {});

    embedded_postgres(embedded_postgres&&) noexcept;            ///< leaves the other without a server
    embedded_postgres& operator=(embedded_postgres&&) noexcept; ///< as above
    ~embedded_postgres();

    /// A libpq URL of the database `ctms` in it. `database` names another one on the same server.
    [[nodiscard]] std::string url(const std::string& database = "ctms") const;

    /// The directory, absolute.
    [[nodiscard]] const std::filesystem::path& directory() const;

    /// The value kept in `directory`/`name` (mode 0600), or, the first time, what `make` returns: the signing key.
    /// `name` must be a plain file name (throws std::logic_error). Throws std::system_error when it cannot be kept, and
    /// std::runtime_error for a file that is not ours alone to read and change.
    [[nodiscard]] std::string kept_secret(const std::string& name, std::string (*make)()) const;

private:
    struct impl;
    explicit embedded_postgres(std::unique_ptr<impl> state);
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::persistence
