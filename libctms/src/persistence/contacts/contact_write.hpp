// SPDX-License-Identifier: MPL-2.0
// The statements that write contacts together with their entries in the sync queue. Private to this layer.
#pragma once

#include "contact_repository.hpp"
#include "contact_rows.hpp"

#include <ctms/model/author.hpp>

#include <persistence/postgres/connection.hpp>

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// One contact to write.
struct contact_write {
    const stored_contact* before; ///< as it was read; null for a new contact
    const contact_change* change;
    model::author by{};                ///< who changes it
    std::vector<std::string> hashes{}; ///< of its address: if one of them is suppressed, it is not written
    bool opt_out = false;              ///< it is written as opted out of all email, whatever `change` says
};

/// Whether all contacts of a statement are new, or all exist.
enum class write_kind : std::uint8_t { insert, update };

/// A set of groups and lists, by table_of. It never has emails.
inline constexpr std::size_t table_count = 6;
using table_set = std::bitset<table_count>;

/// Returns the statement that writes contacts with their documents and puts them into the queue and into ctms_changes, in one statement and
/// so in one transaction. Besides emails it writes only `tables`, because each table costs time even if nothing changes in it. A connection
/// prepares at most 64 such statements. $1 and $3: see records_of; $2: how long it waits for a lock on a row, in milliseconds. Returns the
/// email_id of each and the time of its write, in microseconds since 1970. The time is null for a contact that was not written because its
/// address is suppressed.
///   `insert` writes complete contacts. `update` writes the differences between two states. It skips a contact, and does not return it, if
/// its emails row no longer has the version that was read, or if another transaction has locked that row or the contact's row in the
/// queue. It waits only for another transaction that is inserting the same key.
///   With `keeps_history`, it also records the changes in ctms_history. The records must be made with the same flag.
[[nodiscard]] const statement& write_contacts_statement(write_kind kind, table_set tables, bool keeps_history);

/// The parameters $1 and $3 of the statement, and the tables that it must write.
struct written_records {
    std::string json{};
    std::string documents{}; ///< in order of the records
    table_set tables{};
};

/// Must contain each contact at most once.
[[nodiscard]] written_records records_of(std::span<const contact_write> contacts, bool keeps_history);

/// Returns the contact as it is after a write at `when`.
[[nodiscard]] model::contact after_write(const contact_write& one, timestamp when);

/// Deletes the contacts with address $1 for the client $2 and returns their ids in the columns of identities_lookup. With `keeps_history`,
/// it also records who deleted them, in the request $3.
[[nodiscard]] const statement& delete_contacts_statement(bool keeps_history);

/// Returns the names of the fields whose unique values, $1 to $5, another contact has, or that of the id if it is in use.
[[nodiscard]] const statement& find_conflicts_statement();
[[nodiscard]] std::vector<parameter> find_conflicts_parameters(const model::contact& contact);

} // namespace ctms::persistence
