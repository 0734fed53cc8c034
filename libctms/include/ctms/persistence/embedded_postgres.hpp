// SPDX-License-Identifier: MPL-2.0
// A private PostgreSQL for development, demonstrations and tests. It is started from the installed binaries and listens on a Unix socket in
// its directory, without TCP, with fsync on. Several programs may use one directory at the same time; the server stops cleanly after the
// last of them ends, even if that one is killed. Not for production: use a monitored server there.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace ctms::persistence {

/// Options of the server.
struct CTMS_API embedded_options {
    std::chrono::seconds linger{0}; ///< how long the server keeps running after its last user, for many short programs in a row
};

/// What embedded_postgres::upgrade() did.
struct CTMS_API embedded_upgrade {
    int from = 0;               ///< the major version of PostgreSQL that the database had
    int to = 0;                 ///< the major version that it has now; the same if there was nothing to do
    std::filesystem::path kept; ///< the folder with the old data; empty if there was nothing to do
};

/// The server runs as long as such an object exists. Move-only. start() fails with errc::unavailable and a message that says what to do
/// (missing binaries, a directory that the server's account cannot reach, ...), or with errc::invalid for a directory that another account
/// owns, can change, or has put files or links into, or whose data needs another version of PostgreSQL.
class CTMS_API embedded_postgres {
public:
    /// Creates the directory and the cluster if they do not exist (about a second), starts the server or joins the running one (which keeps
    /// its options), and creates the database `ctms`. As root, the server runs as `postgres` or `nobody`. Waits for at most 30 s.
    /// CTMS_PG_BINDIR is the directory of the binaries if they are not in the usual one.
    [[nodiscard]] static result<embedded_postgres> start(const std::filesystem::path& directory, const embedded_options& options = {});

    /// Moves the database in this directory to the newest version of PostgreSQL that is installed, or to that of CTMS_PG_BINDIR, with
    /// pg_upgrade. Also needs the programs of the old version, in `old_programs` or, if that is empty, where Debian's packages have them.
    /// Takes seconds, and for large databases as long as copying them. The old data stays in the directory `postgres-VERSION` until
    /// somebody deletes it. An interrupted upgrade leaves the old database in place and may be repeated. Waits at most 30 s for other users
    /// of the directory to end. Fails with errc::invalid if programs are missing or the data of an earlier upgrade is still there, and with
    /// errc::unavailable if others use the database, the disk has too little space, or pg_upgrade fails.
    [[nodiscard]] static result<embedded_upgrade> upgrade(const std::filesystem::path& directory,
                                                          const std::filesystem::path& old_programs = {});

    embedded_postgres(embedded_postgres&&) noexcept;            ///< leaves the other without a server
    embedded_postgres& operator=(embedded_postgres&&) noexcept; ///< as above
    ~embedded_postgres();

    /// Returns false if start() would create a cluster in this directory, and no other program has begun to. Looks at the files only.
    [[nodiscard]] static bool exists(const std::filesystem::path& directory);

    /// Returns the libpq URL of the database `ctms`, or of another `database` on the same server.
    [[nodiscard]] std::string url(const std::string& database = "ctms") const;

    /// Returns the directory as an absolute path.
    [[nodiscard]] const std::filesystem::path& directory() const;

    /// Returns the value stored in `directory`/`name` (mode 0600). The first time, stores and returns the result of `make`. Used for the
    /// signing key. Throws std::logic_error if `name` is not a plain file name, std::system_error if the value cannot be stored, and
    /// std::runtime_error if other accounts can read or change the file.
    [[nodiscard]] std::string kept_secret(const std::string& name, std::string (*make)()) const;

private:
    struct impl;
    explicit embedded_postgres(std::unique_ptr<impl> state);
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::persistence
