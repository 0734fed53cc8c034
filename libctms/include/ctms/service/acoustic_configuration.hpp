// SPDX-License-Identifier: MPL-2.0
// Use cases for the configuration of what is sent to the email vendor: the fields of its tables, and the column of each newsletter.
// Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/acoustic_configuration.hpp>

#include <string>
#include <string_view>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// A newsletter, and the column of the vendor's main table that shows whether a contact receives it.
struct CTMS_API newsletter_mapping {
    std::string source;      ///< name of the newsletter
    std::string destination; ///< name of the column

    friend bool operator==(const newsletter_mapping&, const newsletter_mapping&) = default; ///< member by member
};

/// Reads "SOURCE:DESTINATION". errc::invalid if the text is not UTF-8, or does not have exactly one colon: neither a newsletter nor a
/// column has one in its name.
[[nodiscard]] CTMS_API result<newsletter_mapping> parse_newsletter_mapping(std::string_view text);

/// Reads and changes the configuration. A name that is not UTF-8 is errc::invalid.
class CTMS_API acoustic_configuration {
public:
    /// `db` must outlive it.
    explicit acoustic_configuration(persistence::database& db) : db_(db) {}

    /// Returns the current configuration, in one round trip.
    [[nodiscard]] result<model::acoustic_configuration> read();

    /// Adds a field to those that are sent to `table`. Adding an existing field is not an error.
    [[nodiscard]] result<void> add_field(const std::string& table, const std::string& field);
    /// Removes a field. errc::not_found if it does not exist.
    [[nodiscard]] result<void> remove_field(const std::string& table, const std::string& field);
    /// Maps a newsletter to a column. errc::conflict if it is already mapped, unless `replace` is true; errc::invalid for a name with a
    /// colon.
    [[nodiscard]] result<void> add_mapping(const newsletter_mapping& mapping, bool replace = false);
    /// Removes the mapping of a newsletter, and returns it. errc::not_found if there is none.
    [[nodiscard]] result<newsletter_mapping> remove_mapping(const std::string& source);

private:
    persistence::database& db_;
};

} // namespace ctms::service
