// SPDX-License-Identifier: MPL-2.0
// The tables that contacts are stored in, with the columns that follow from the field tables, for the statements that list columns.
// Private to this layer. Thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A column that holds a field. The id of the contact and the times of the row are not among these: statements treat each in its own way.
struct column {
    std::string name; ///< in quotes if SQL needs them
    std::string_view type;
};

/// The type of a column that holds JSON: what is stored is its text, blanks included.
inline constexpr std::string_view json_type = "json";

enum class table_of : std::uint8_t { emails, amo, fxa, mofo, newsletters, waitlists };

/// A table of contacts.
struct contact_table {
    table_of which;
    std::string_view name;
    std::string_view alias; ///< one letter, in all statements
    std::string_view key;   ///< "email_id", or "email_id, name" if it has a row for each item of a list
    bool is_list;
    bool has_times;   ///< the columns create_timestamp and update_timestamp
    bool reads_times; ///< the model has them, too
    std::vector<column> columns;
};

/// All of them, in the order of table_of.
[[nodiscard]] const std::array<contact_table, 6>& contact_tables();

/// What `pattern` makes of each column, with commas in between: "{column} {type}" becomes "first_name text, double_opt_in boolean".
/// Columns that hold JSON get `json_pattern`.
[[nodiscard]] std::string each_column(std::span<const column> columns, std::string_view pattern, std::string_view json_pattern);
[[nodiscard]] std::string each_column(std::span<const column> columns, std::string_view pattern);

} // namespace ctms::persistence
