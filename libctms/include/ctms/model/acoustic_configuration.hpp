// SPDX-License-Identifier: MPL-2.0
// What is sent to the email vendor: fields by table, and where newsletters go. Plain data, in order of name.
#pragma once

#include <map>
#include <set>
#include <string>

namespace ctms::model {

struct acoustic_configuration {
    std::map<std::string, std::set<std::string>> sync_fields; ///< table ("main") -> its fields
    std::map<std::string, std::string> newsletter_mappings;   ///< newsletter -> column of the main table
};

} // namespace ctms::model
