// SPDX-License-Identifier: MPL-2.0
// The tables of contacts and their columns, made from the field tables, for statements that list columns. Private to this layer.
// Thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A column that holds a field. The contact's id and the times of the row are not listed: statements treat each of them differently.
struct column {
    std::string name;      ///< in quotes if SQL requires it
    std::string_view type; ///< text, boolean, date or json
    bool keeps_values;     ///< in the history of a contact: see fields::keeps_values()
};

/// The type of a column that holds JSON. PostgreSQL stores its text unchanged, including whitespace.
inline constexpr std::string_view json_type = "json";

enum class table_of : std::uint8_t { emails, amo, fxa, mofo, newsletters, waitlists };

/// A table of contacts.
struct contact_table {
    table_of which;
    std::string_view name;
    std::string_view alias; ///< one letter, the same in all statements
    std::string_view key;   ///< "email_id", or "email_id, name" if it has a row for each item of a list
    bool is_list;
    bool has_times;   ///< it has the columns create_timestamp and update_timestamp
    bool reads_times; ///< the model has these, too
    std::vector<column> columns;
};

/// Returns all tables, in the order of table_of.
[[nodiscard]] const std::array<contact_table, 6>& contact_tables();

/// Fills in `pattern` for each column, and joins the results with commas: "{column} {type}" becomes "first_name text, double_opt_in
/// boolean". Columns that hold JSON use `json_pattern`.
[[nodiscard]] std::string each_column(std::span<const column> columns, std::string_view pattern, std::string_view json_pattern);
[[nodiscard]] std::string each_column(std::span<const column> columns, std::string_view pattern);

/// Returns an SQL expression for the id of a row that may exist: the id that it has, or the next one of the table's sequence. Without it,
/// `insert ... on conflict do update` takes a new id each time, also for rows that it only updates, and the ids run out. `email_id` and,
/// for a list, `name` are SQL expressions for the key of the row.
[[nodiscard]] std::string kept_id_sql(const contact_table& table, std::string_view email_id, std::string_view name);

} // namespace ctms::persistence
