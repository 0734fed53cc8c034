// SPDX-License-Identifier: MPL-2.0
// The one private view of a database connection: statements in, rows of text out. Hides pqxx and the
// differences between its versions 6.4 and 7. A connection belongs to one thread at a time.
// Throws sql_error (below) on any failure; nothing of pqxx gets out. Messages hold no values of rows.
// How long a call may take: the server ends a statement after statement_timeout, and a peer that vanished is
// noticed by TCP within half a minute. A server process that is alive but stopped holds the caller as long.
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

/// A statement with a name of its own, by which it is prepared once per connection.
struct statement {
    std::string name;
    std::string sql;
};

/// A parameter: text in PostgreSQL's input format, or null. Must hold no NUL byte (checked: throws std::logic_error).
using parameter = std::optional<std::string>;

/// What went wrong, in the terms of this layer.
class sql_error : public std::runtime_error {
public:
    enum class kind {
        connection, ///< no connection, or it broke before anything could be committed; also a server that
                    ///< became a read-only replica, and prepared statements that went stale
        in_doubt,   ///< it broke during a commit: the outcome is not known
        unique,     ///< 23505; `constraint` names the index
        retryable,  ///< 40001, 40P01
        timeout,    ///< 57014, 55P03
        bad_value,  ///< class 22, 23 but for 23505: the statement was given what it cannot store
        shutdown,   ///< 57P01..57P03: the server is stopping or starting
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

/// The rows of one answer. Cells are valid as long as it lives.
class rows {
public:
    struct impl;
    explicit rows(std::shared_ptr<const impl> data);
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const;
    /// "" for null. A row or column that is not there throws std::out_of_range.
    [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const;
    /// How many rows an INSERT, UPDATE or DELETE touched.
    [[nodiscard]] std::size_t affected() const;

    [[nodiscard]] std::optional<std::string> optional_text(std::size_t row, std::size_t column) const;
    /// Throws std::logic_error for null and for what is not an integer.
    [[nodiscard]] std::int64_t integer(std::size_t row, std::size_t column) const;
    /// PostgreSQL's 't'; null is false.
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

    /// Runs a statement, prepared on its first use here. Outside a transaction it commits by itself:
    /// `writes` says whether a connection lost meanwhile leaves its outcome in doubt.
    rows query(const statement& what, std::span<const parameter> parameters, bool writes = false);
    rows query(const statement& what, std::initializer_list<parameter> parameters, bool writes = false) {
        return query(what, std::span(parameters.begin(), parameters.size()), writes);
    }
    /// Runs SQL text without parameters; may hold several statements. For migrations and set-up: counts as
    /// a write.
    rows execute(const std::string& sql);

    /// Explicit transactions for what one statement cannot do. A transaction that is not committed is rolled back.
    void begin();
    void commit(); ///< throws sql_error{in_doubt} when the connection breaks here
    void rollback() noexcept;

    /// False after any failure of the connection itself, and when the server has closed it: discard it.
    [[nodiscard]] bool usable() const noexcept;
    /// True when something was committed since start_lease(): the work must not be run again.
    [[nodiscard]] bool has_committed() const noexcept;
    void start_lease() noexcept;
    /// Breaks the connection if a statement of it has run for longer than `limit`: the caller, who waits for a server that
    /// neither answers nor goes away, then gets a sql_error{connection}. From any thread.
    void cut_if_stuck(std::chrono::milliseconds limit) noexcept;
    [[nodiscard]] std::chrono::steady_clock::time_point opened_at() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::persistence
