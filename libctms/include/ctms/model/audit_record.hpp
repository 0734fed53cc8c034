// SPDX-License-Identifier: MPL-2.0
// A command that an operator ran, as the audit log keeps it. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ctms::model {

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

    friend bool operator==(const audit_record&, const audit_record&) = default; ///< member by member
};

} // namespace ctms::model
