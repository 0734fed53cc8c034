// SPDX-License-Identifier: MPL-2.0
// A database connection: takes statements and returns rows of text. Private to the library. Hides pqxx and the
// differences between its versions 6.4 and 7. Only one thread at a time may use a connection.
// Throws sql_error (below) on any failure, never an exception of pqxx. Messages contain no values of rows.
// How long a call may take: the server ends a statement after statement_timeout, and TCP notices within half a minute
// that a server has vanished. A server process that is stopped but not dead blocks the caller until cut_if_stuck().
#pragma once

#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A statement with a unique name of at most 63 bytes, under which it is prepared once per connection. One without a name is not prepared.
struct statement {
    std::string name;
    std::string sql;
};

/// A parameter: text in PostgreSQL's input format, or null. Must not contain a NUL byte (checked: throws std::logic_error).
using parameter = std::optional<std::string>;

/// What went wrong, in the terms of this layer.
class sql_error : public std::runtime_error {
public:
    enum class kind {
        connection, ///< no connection, or it broke before anything could be committed; also if the server
                    ///< became a read-only replica or a prepared statement is no longer valid
        in_doubt,   ///< the connection broke during a commit: the outcome is unknown
        unique,     ///< 23505; `constraint` names the index
        retryable,  ///< 40001, 40P01, and 23503 or 23001: another writer changed a row that this one refers to
        timeout,    ///< 57014, 55P03
        bad_value,  ///< a parameter has a value that cannot be stored (see known_states in connection.cpp)
        shutdown,   ///< 57P01..57P03: the server is stopping or starting
        forbidden,  ///< 42501: the account lacks a right on the object that the message names
        other
    };
    sql_error(kind what, std::string sqlstate, std::string constraint, const std::string& message)
        : std::runtime_error(message), what_(what), sqlstate_(std::move(sqlstate)), constraint_(std::move(constraint)) {}
    [[nodiscard]] kind reason() const noexcept { return what_; }
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }
    [[nodiscard]] const std::string& constraint() const noexcept { return constraint_; }

private:
    kind what_;
    std::string sqlstate_;
    std::string constraint_;
};

/// The rows that a statement returned. The text of a cell is valid as long as this object exists.
class rows {
public:
    struct impl;
    explicit rows(std::shared_ptr<const impl> data);
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const;
    /// "" for null. Throws std::out_of_range if there is no such row or column.
    [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const;
    /// How many rows an INSERT, UPDATE or DELETE affected.
    [[nodiscard]] std::size_t affected() const;

    [[nodiscard]] std::optional<std::string> optional_text(std::size_t row, std::size_t column) const;
    /// Throws std::logic_error if the cell is null or not an integer.
    [[nodiscard]] std::int64_t integer(std::size_t row, std::size_t column) const;
    /// True for PostgreSQL's 't'; null is false.
    [[nodiscard]] bool boolean(std::size_t row, std::size_t column) const;

private:
    std::shared_ptr<const impl> data_;
};

class connection {
public:
    /// Connects. Throws sql_error{connection}.
    explicit connection(const database_options& options);
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// Runs a statement, and prepares it on its first use on this connection. Outside a transaction it commits by itself;
    /// `writes` says whether the outcome is in doubt if the connection is lost meanwhile.
    rows query(const statement& what, std::span<const parameter> parameters, bool writes = false);
    rows query(const statement& what, std::initializer_list<parameter> parameters, bool writes = false) {
        return query(what, std::span(parameters.begin(), parameters.size()), writes);
    }
    /// Runs SQL text without parameters, which may contain several statements. For migrations and setup. Counts as
    /// a write.
    rows execute(const std::string& sql);

    /// Begins an explicit transaction, for work that needs several statements. It is rolled back unless commit() is called.
    void begin();
    void commit(); ///< throws sql_error{in_doubt} if the connection breaks here
    void rollback() noexcept;

    /// False if the connection failed or the server closed it; discard it then.
    [[nodiscard]] bool usable() const noexcept;
    /// True if something was committed since start_lease(). Then the work must not be run again.
    [[nodiscard]] bool has_committed() const noexcept;
    void start_lease() noexcept;
    /// Breaks the connection if its statement has been running for longer than `limit`. The caller that waits for a server
    /// that neither answers nor disconnects then gets a sql_error{connection}. May be called from any thread.
    void cut_if_stuck(std::chrono::milliseconds limit) noexcept;
    /// Asks the server to cancel the statement that is running; its caller gets a sql_error{timeout}. Does nothing if none is running or
    /// the server cannot be reached. May be called from any thread.
    void cancel() noexcept;
    [[nodiscard]] std::chrono::steady_clock::time_point opened_at() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::persistence
