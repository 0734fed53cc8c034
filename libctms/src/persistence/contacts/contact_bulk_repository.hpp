// SPDX-License-Identifier: MPL-2.0
// Imports, deletes and opts out many contacts at a time with set-based statements. Each call is one transaction. Split a long list into
// calls of some thousand contacts: then no lock is held for long, and the work can stop after any call. Every write queues its contacts for
// the sync in the same transaction, with a lower priority than single writes. Thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/author.hpp>
#include <ctms/model/contact_lists.hpp>
#include <ctms/persistence/database.hpp>
#include <model/stored_rows.hpp>
#include <persistence/sync/queue_priority.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {

/// Options of a bulk write.
struct bulk_options {
    std::optional<queue_priority> sync_priority = queue_priority::bulk; ///< of create() and replace(); nullopt: do not queue them
    bool dry_run = false;                                               ///< do the work, then roll it back
    model::author by{};                                                 ///< who writes
    /// How long create() and remove() wait for another transaction, instead of the lock timeout of the database; nullopt: as long as that.
    std::optional<std::chrono::milliseconds> longest_wait{};
};

/// A contact that an address finds.
struct address_match {
    uuid email_id;
    std::string primary_email; ///< as it is stored
    bool opted_out = false;    ///< of all email
};

/// Writes many contacts with one statement.
class contact_bulk_repository {
public:
    /// `db` must outlive it.
    explicit contact_bulk_repository(database& db) : db_(db) {}

    /// Stores those contacts whose ids do not exist yet, and returns their ids. No id may be given twice. errc::conflict, whose detail
    /// names the constraint, if a unique value is already used; errc::invalid if a value does not fit its column, or if an address is
    /// suppressed and must be refused; errc::interrupted if the longest wait has passed. Nothing is stored then; the caller bisects the
    /// list to find the contact.
    [[nodiscard]] result<std::vector<uuid>> create(std::span<const model::stored_rows> contacts, const bulk_options& how);

    /// Replaces those existing contacts whose version is still that of the rows (find_versions()), and removes what the rows do not have.
    /// Creation times that the rows do not have are kept; other times are set to the time of the write. Returns the ids of the replaced
    /// contacts. Same errors as create().
    [[nodiscard]] result<std::vector<uuid>> replace(std::span<const model::stored_rows> contacts, const bulk_options& how);

    /// Returns the ids of the contacts with these addresses, case sensitive.
    [[nodiscard]] result<std::map<std::string, uuid, std::less<>>> find_ids(std::span<const std::string> primary_emails);

    /// Returns the versions of the contacts with these ids, as far as they exist. Every write through the library gives a contact another
    /// version.
    [[nodiscard]] result<std::map<uuid, std::string>> find_versions(std::span<const uuid> email_ids);

    /// Returns, for each address in the given order, the contacts with that address in any case and Unicode form.
    [[nodiscard]] result<std::vector<std::vector<address_match>>> find_alike(std::span<const std::string> primary_emails);

    /// Deletes all contacts with these addresses, in any case, with everything that belongs to them, and queues their deletion at the
    /// vendor. Returns a result for each address, in the given order. If an address is given twice, the second finds nothing.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> remove(std::span<const std::string> primary_emails,
                                                                  const bulk_options& how = {});
    /// Deletes the contacts with these ids in the same way. No id may be given twice.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> remove(std::span<const uuid> email_ids, const bulk_options& how = {});

    /// Sets has_opted_out_of_email for all contacts with these addresses. Returns a result for each address, in the given order. If an
    /// address is given twice, both have the same contacts.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> suppress(std::span<const std::string> primary_emails,
                                                                    const bulk_options& how = {});

private:
    database& db_;
};

/// Returns the field whose unique value is already used, such as "primary_email", from the detail of an errc::conflict; "" if it is
/// unknown.
[[nodiscard]] std::string conflicting_field(const error& failure);

} // namespace ctms::persistence
