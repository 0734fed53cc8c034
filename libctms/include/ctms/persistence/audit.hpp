// SPDX-License-Identifier: MPL-2.0
// The record of what operators changed (table ctms_audit_log). Thread safe; each call is one transaction.
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

/// Names and values: ids and counts, no personal data.
using audit_details = std::vector<std::pair<std::string, std::string>>;

/// One command of an operator.
struct CTMS_API audit_record {
    std::int64_t id = 0;               ///< in the order of their beginning
    timestamp began_at{};              ///< the database's time
    std::optional<timestamp> ended_at; ///< nullopt: under way, or killed
    std::string actor;                 ///< user\@host
    std::string command;               ///< its words, without arguments
    audit_details details;             ///< what the command noted
    std::optional<int> exit_code;      ///< nullopt as for ended_at
};

/// All such records.
class CTMS_API audit_repository {
public:
    /// `db` must outlive it.
    explicit audit_repository(database& db) : db_(db) {}

    /// Notes that a command begins; the id of its record.
    [[nodiscard]] result<std::int64_t> begin(const std::string& actor, const std::string& command);
    /// Notes how it ended.
    [[nodiscard]] result<void> end(std::int64_t id, int exit_code, const audit_details& details);
    /// The newest records first.
    [[nodiscard]] result<std::vector<audit_record>> list(int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
