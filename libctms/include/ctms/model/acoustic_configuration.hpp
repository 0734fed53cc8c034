// SPDX-License-Identifier: MPL-2.0
// What is sent to the email vendor: fields by table, and where newsletters go. Plain data, in order of name.
#pragma once

#include <ctms/base/export.hpp>

#include <map>
#include <set>
#include <string>

namespace ctms::model {

/// Which of our fields the vendor gets, and under which names.
struct CTMS_API acoustic_configuration {
    std::map<std::string, std::set<std::string>> sync_fields; ///< table ("main") -> its fields
    std::map<std::string, std::string> newsletter_mappings;   ///< newsletter -> column of the main table
};

} // namespace ctms::model
