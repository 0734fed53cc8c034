// SPDX-License-Identifier: MPL-2.0
// A separate database for each test, on one embedded PostgreSQL that all test processes of a run share.
// The cluster's directory is CTMS_TEST_DATA_DIR, or /tmp/ctms-test-<uid>. It stays up for a few seconds after the last
// test process is done, so that not every test has to start it. Data is not flushed to disk: it is not needed after a crash.
// Throws std::runtime_error when there is no PostgreSQL available.
#pragma once

#include <ctms/persistence/database.hpp>
#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/grants.hpp>

#include <filesystem>
#include <string>

namespace ctms::test {

/// The directory of the shared cluster.
[[nodiscard]] std::filesystem::path test_data_directory();

/// Joins the shared cluster, or starts it.
[[nodiscard]] persistence::embedded_postgres shared_cluster();

class test_database {
public:
    enum class content {
        migrated, ///< all migrations and the rights of the programs, no contacts: a copy of a template
        empty     ///< not a single table
    };

    explicit test_database(content what = content::migrated);
    ~test_database(); ///< drops the database and disconnects anyone still connected to it
    test_database(const test_database&) = delete;
    test_database& operator=(const test_database&) = delete;

    [[nodiscard]] const std::string& url() const { return url_; }
    /// The URL with a role that has the rights of a program and no others.
    [[nodiscard]] std::string url(persistence::program_account program) const;
    /// Grants these rights, in a database that the test itself has migrated.
    void grant_rights() const;
    [[nodiscard]] const std::string& name() const { return name_; }
    /// Options with this URL, and timeouts that suit a test.
    [[nodiscard]] persistence::database_options options() const;

private:
    persistence::embedded_postgres cluster_;
    std::string name_;
    std::string url_;
};

/// A new empty directory that is removed with all its content at the end. The database server's account may enter it. If an
/// embedded PostgreSQL in it, or in its subdirectory `data`, is still stopping, the destructor waits for it.
class temporary_directory {
public:
    temporary_directory();
    ~temporary_directory();
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

} // namespace ctms::test
