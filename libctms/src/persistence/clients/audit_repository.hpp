// SPDX-License-Identifier: MPL-2.0
// Reads and writes the record of what operators changed (table ctms_audit_log). Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/audit_record.hpp>
#include <ctms/persistence/database.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// The audit records.
class audit_repository {
public:
    /// `db` must outlive it.
    explicit audit_repository(database& db) : db_(db) {}

    /// Records that a command begins and returns the id of the record.
    [[nodiscard]] result<std::int64_t> begin(const std::string& actor, const std::string& command);
    /// Records how a command ended.
    [[nodiscard]] result<void> end(std::int64_t id, int exit_code, const model::audit_details& details);
    /// Records a command that has ended well. Needs only the right to insert.
    [[nodiscard]] result<void> note(const std::string& actor, const std::string& command, const model::audit_details& details);
    /// Returns at most `limit` records, newest first.
    [[nodiscard]] result<std::vector<model::audit_record>> list(int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
