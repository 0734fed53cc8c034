// SPDX-License-Identifier: MPL-2.0
// The tables acoustic_field and acoustic_newsletter_mapping. Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/persistence/database.hpp>

#include <string>

namespace ctms::persistence {

/// What the email vendor gets, as stored.
class CTMS_API acoustic_configuration_repository {
public:
    /// `db` must outlive it.
    explicit acoustic_configuration_repository(database& db) : db_(db) {}

    /// Everything, in one round trip.
    [[nodiscard]] result<model::acoustic_configuration> read();

    /// Sends a field to that table from now on; one that is there already stays. errc::invalid for what cannot be stored.
    [[nodiscard]] result<void> add_field(const std::string& table, const std::string& field);
    /// errc::not_found when it is not there.
    [[nodiscard]] result<void> remove_field(const std::string& table, const std::string& field);
    /// Maps a newsletter to a column of the main table. errc::conflict when it is mapped already, unless `replace`.
    [[nodiscard]] result<void> add_mapping(const std::string& source, const std::string& destination, bool replace);
    /// Its destination until now. errc::not_found when it is not mapped.
    [[nodiscard]] result<std::string> remove_mapping(const std::string& source);

private:
    database& db_;
};

} // namespace ctms::persistence
