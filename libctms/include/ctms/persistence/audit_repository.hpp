// SPDX-License-Identifier: MPL-2.0
// Reads and writes the record of what operators changed (table ctms_audit_log). Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/persistence/database.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// Names and values: ids and counts, without personal data.
using audit_details = std::vector<std::pair<std::string, std::string>>;

/// A command that an operator ran.
struct CTMS_API audit_record {
    std::int64_t id = 0;               ///< increases in the order in which commands began
    timestamp began_at{};              ///< by the database's clock
    std::optional<timestamp> ended_at; ///< nullopt: the command is still running, or was killed
    std::string actor;                 ///< user\@host
    std::string command;               ///< name of the command without arguments
    audit_details details;             ///< details that the command recorded
    std::optional<int> exit_code;      ///< nullopt: the command is still running, or was killed
};

/// The audit records.
class CTMS_API audit_repository {
public:
    /// `db` must outlive it.
    explicit audit_repository(database& db) : db_(db) {}

    /// Records that a command begins and returns the id of the record.
    [[nodiscard]] result<std::int64_t> begin(const std::string& actor, const std::string& command);
    /// Records how a command ended.
    [[nodiscard]] result<void> end(std::int64_t id, int exit_code, const audit_details& details);
    /// Returns at most `limit` records, newest first.
    [[nodiscard]] result<std::vector<audit_record>> list(int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
