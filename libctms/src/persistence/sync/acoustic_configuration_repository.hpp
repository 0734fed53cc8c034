// SPDX-License-Identifier: MPL-2.0
// Reads and writes the tables acoustic_field and acoustic_newsletter_mapping. Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/persistence/database.hpp>

#include <string>

namespace ctms::persistence {

/// The stored configuration of what is sent to the email vendor.
class acoustic_configuration_repository {
public:
    /// `db` must outlive it.
    explicit acoustic_configuration_repository(database& db) : db_(db) {}

    /// Returns the whole configuration, in one round trip.
    [[nodiscard]] result<model::acoustic_configuration> read();

    /// Adds a field to those that are sent to `table`; adding an existing field is not an error. errc::invalid if the names cannot be
    /// stored.
    [[nodiscard]] result<void> add_field(const std::string& table, const std::string& field);
    /// Removes a field. errc::not_found if it does not exist.
    [[nodiscard]] result<void> remove_field(const std::string& table, const std::string& field);
    /// Maps a newsletter to a column of the main table. errc::conflict if it is already mapped, unless `replace` is true.
    [[nodiscard]] result<void> add_mapping(const std::string& source, const std::string& destination, bool replace);
    /// Removes a mapping and returns its column. errc::not_found if the newsletter is not mapped.
    [[nodiscard]] result<std::string> remove_mapping(const std::string& source);

private:
    database& db_;
};

} // namespace ctms::persistence
