// SPDX-License-Identifier: MPL-2.0
// Erases people with everything that is held about them, and keeps receipts, legal holds and suppressed addresses. Thread safe; each call
// is one transaction.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/author.hpp>
#include <ctms/model/erasure.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {

/// What to erase.
struct person_to_erase {
    std::string primary_email; ///< in any case and Unicode form
    bool suppress = false;     ///< keep the address, the account and the customers out; needs a key
    model::author by{};        ///< who asks for it
};

/// Erasures, holds and suppressed addresses.
class erasure_repository {
public:
    /// Maximum number of receipts.
    static constexpr int most_receipts = 1'000'000;

    /// `db` must outlive it.
    explicit erasure_repository(database& db) : db_(db) {}

    /// Erases all contacts with the address, queues their deletion at the vendor, and stores a receipt, all in one transaction, before
    /// which it searches what is parked. If nothing is stored and the vendor has not confirmed an earlier erasure of the address, returns
    /// the receipt of that one. errc::conflict if a legal hold exists for one of the contacts, errc::unavailable if there are too many
    /// receipts or others keep changing the account of the contact: then nothing is erased.
    [[nodiscard]] result<model::erasure_request> erase(const person_to_erase& whom);

    /// Returns a receipt; nullopt if there is none with this id.
    [[nodiscard]] result<std::optional<model::erasure>> find(const uuid& erasure_id);
    /// Returns the receipts that the vendor has not confirmed, oldest first.
    [[nodiscard]] result<std::vector<model::erasure>> list_pending(int limit);
    /// Counts them. One round trip.
    [[nodiscard]] result<model::pending_erasures> count_pending();
    /// Confirms those deletions of an erasure that the sync has given up or does not know, with the effects of a confirmation by the
    /// vendor, and returns how many there were. Leaves contacts that exist again.
    [[nodiscard]] result<std::int64_t> confirm_stopped(const uuid& erasure_id);
    /// Removes at most `limit` receipts that are older than `age` and confirmed, and returns how many there were.
    [[nodiscard]] result<std::size_t> forget(std::chrono::seconds age, int limit);

    /// Holds those of the contacts that exist, and returns their number. A contact that is held gets the new reason.
    [[nodiscard]] result<std::size_t> hold(std::span<const uuid> email_ids, const std::string& reason, const std::string& held_by);
    /// Ends holds, and returns how many there were.
    [[nodiscard]] result<std::size_t> unhold(std::span<const uuid> email_ids);
    /// Returns the holds with ids after `after` (all if it is nil), in order of email_id.
    [[nodiscard]] result<std::vector<model::legal_hold>> holds(const uuid& after, int limit);

    /// Ends the suppression of an address, with its account and customers. Returns false if it was not suppressed, or by an unknown key.
    [[nodiscard]] result<bool> unsuppress(const std::string& primary_email);
    /// Counts the suppressed addresses by key.
    [[nodiscard]] result<std::vector<model::suppressed_addresses>> suppressed();

private:
    database& db_;
};

} // namespace ctms::persistence
