// SPDX-License-Identifier: MPL-2.0
// Many contacts at a time: import, deletion and opt-out of lists, by set-based statements. Each call is one transaction,
// so that whoever splits a long list into calls of some thousand holds no lock for long and may stop between any two.
// Thread safe. Every write queues its contacts for the sync in the same transaction, behind single writes.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/stored_rows.hpp>
#include <ctms/persistence/database.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {

/// Places in the sync's queue; smaller goes first, single writes have 0.
inline constexpr int suppression_priority = 5;
/// The same of an import, and of a bulk resync.
inline constexpr int import_priority = 10;

/// How a bulk write behaves.
struct CTMS_API bulk_options {
    std::optional<int> sync_priority = import_priority; ///< nullopt: queue nothing
    bool dry_run = false;                               ///< do it, and take it back
};

/// What became of one address of a list.
struct CTMS_API bulk_outcome {
    std::int64_t changed = 0; ///< contacts that were deleted or opted out
    std::int64_t already = 0; ///< contacts that were opted out before
};

/// Writes of many contacts at once.
class CTMS_API contact_bulk_repository {
public:
    /// `db` must outlive it.
    explicit contact_bulk_repository(database& db) : db_(db) {}

    /// Stores the contacts whose ids are not there yet; no id may stand twice. The ids that were stored.
    /// errc::conflict, its detail naming the constraint, when a unique value of any is taken, errc::invalid when a value
    /// does not fit its column: then nothing is stored, and the caller finds out by halves which one it is.
    [[nodiscard]] result<std::vector<uuid>> create(std::span<const model::stored_rows> contacts, const bulk_options& how);

    /// Makes contacts that are there what the rows say: what they do not have, goes. Times that they do not say are kept
    /// (creation) or those of the write. The ids that were there. Errors as of create().
    [[nodiscard]] result<std::vector<uuid>> replace(std::span<const model::stored_rows> contacts, const bulk_options& how);

    /// The ids of the contacts with these addresses, in exactly this case.
    [[nodiscard]] result<std::map<std::string, uuid, std::less<>>> find_ids(std::span<const std::string> primary_emails);

    /// Deletes every contact of the addresses, in any case, with all that hangs on it, and has the vendor told. An outcome
    /// for each address, in their order; of one that stands twice the second finds nothing more.
    [[nodiscard]] result<std::vector<bulk_outcome>> remove(std::span<const std::string> primary_emails, bool dry_run);
    /// The same for one contact. False when there is none.
    [[nodiscard]] result<bool> remove(const uuid& email_id);

    /// Sets has_opted_out_of_email for every contact of the addresses. An outcome for each, in their order; of one that stands
    /// twice the second finds what the first did.
    [[nodiscard]] result<std::vector<bulk_outcome>> suppress(std::span<const std::string> primary_emails, bool dry_run);

private:
    database& db_;
};

/// The field whose unique value is taken, from the detail of an errc::conflict: "primary_email"; "" when it is none we know.
[[nodiscard]] CTMS_API std::string conflicting_field(const error& failure);

} // namespace ctms::persistence
