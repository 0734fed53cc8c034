// SPDX-License-Identifier: MPL-2.0
// The configuration of what is sent to the email vendor: fields of each table, and columns for newsletters. Plain data, in order of name.
#pragma once

#include <ctms/base/export.hpp>

#include <map>
#include <set>
#include <string>

namespace ctms::model {

/// The fields that are sent to the vendor, and the vendor's columns for newsletters.
struct CTMS_API acoustic_configuration {
    std::map<std::string, std::set<std::string>> sync_fields; ///< table ("main") -> its fields
    std::map<std::string, std::string> newsletter_mappings;   ///< newsletter -> column of the main table

    friend bool operator==(const acoustic_configuration&, const acoustic_configuration&) = default; ///< member by member
};

} // namespace ctms::model
