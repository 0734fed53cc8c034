// SPDX-License-Identifier: MPL-2.0
// The record of what operators changed: each command is recorded before it runs, and its result after it. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/audit_record.hpp>

#include <functional>
#include <string>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// The result of a recorded command.
struct CTMS_API audited_result {
    int exit_code = 0;            ///< of the command
    model::audit_details details; ///< ids and counts, without personal data
};

/// The outcome of audit_log::record().
struct CTMS_API audit_outcome {
    int exit_code = 0;          ///< of the command
    result<void> recorded = {}; ///< an error if the result could not be recorded; the command was run
};

/// Writes and reads the record.
class CTMS_API audit_log {
public:
    /// `db` must outlive it.
    explicit audit_log(persistence::database& db) : db_(db) {}

    /// Records that `actor` (user\@host) begins `command` (without arguments), calls `run`, and records its result. If the beginning cannot
    /// be recorded, returns the error and does not call `run`: nothing is changed without a record. If `run` throws, the record has no
    /// result. Bytes that cannot be stored (not UTF-8, or NUL) are replaced in all strings.
    [[nodiscard]] result<audit_outcome> record(const std::string& actor, const std::string& command,
                                               const std::function<audited_result()>& run);

    /// Records that `actor` (of a program, or an API client) did `command`, in one round trip. Needs only the right to insert. Bytes that
    /// cannot be stored are replaced, as in record().
    [[nodiscard]] result<void> note(const std::string& actor, const std::string& command, const model::audit_details& details);

    /// Returns at most `limit` records, newest first. errc::invalid unless limit is positive.
    [[nodiscard]] result<std::vector<model::audit_record>> list(int limit);

private:
    persistence::database& db_;
};

} // namespace ctms::service
