// SPDX-License-Identifier: MPL-2.0
// What is held about a person: the only list of the tables with personal data, and of which of their rows belong to a person. The export
// of personal data and erasures read it. A test compares it with the schema: each table must be here, or among those that hold nothing
// about people. Constants only, so thread safe. Private to this layer.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ctms::persistence {

/// How an export shows the rows of a table.
enum class shown_as : std::uint8_t {
    part_of_contact, ///< as a part of the contact, in the form of a dump
    rows,            ///< as a list of rows
    copy             ///< not at all, because the rows only repeat what the contact has
};

/// A table with rows about people.
struct personal_source {
    std::string_view table;           ///< its name
    std::string_view member;          ///< its name in an export
    shown_as shown;                   ///< how an export shows it
    std::string_view rows;            ///< SQL: the condition for a row `t` of the table to belong to the person; see persons_ids_sql
    std::string_view key;             ///< SQL: identifies a row `t` of those of the person, and is their order
    std::string_view key_type;        ///< the SQL type of `key`
    std::string_view meaning;         ///< what the rows are, for the reader of an export
    std::string_view columns = "t.*"; ///< SQL: what an export shows of a row `t`
    std::string_view view{};          ///< where ctms-web reads the rows if it must not read the table; "": in the table
    bool is_searched = false;         ///< `rows` finds more than the rows of the person: json::names_person() decides by their `payload`
};

/// Returns the CTEs, without `with`, that find the ids of the person whose email_id is $1. The conditions of sources refer to them and to
/// $1: `accounts` (fxa_id), `customers`, `subscriptions` and `invoices` (stripe_id), and `words` (word: the ids and addresses that objects
/// of Stripe have of the person; what is empty, or an address without @, names nobody). A statement that deletes rows of several sources
/// finds the ids before it deletes: all parts of a statement see the same snapshot.
[[nodiscard]] std::string_view persons_ids_sql() noexcept;

/// Returns all tables with personal data. A table comes after those whose rows lead to it, and before none that has a foreign key to it:
/// deleting in reverse order breaks no key.
[[nodiscard]] std::span<const personal_source> personal_sources() noexcept;

/// Returns the receivers of webhooks, who are told of changes: for an export. Their table holds nothing about people.
[[nodiscard]] const personal_source& told_receivers() noexcept;

/// Returns the names of the tables that hold nothing about the people whose addresses are stored.
[[nodiscard]] std::span<const std::string_view> impersonal_tables() noexcept;

} // namespace ctms::persistence
