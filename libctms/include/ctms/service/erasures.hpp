// SPDX-License-Identifier: MPL-2.0
// Use cases for the right to erasure (GDPR, article 17): erase a person, forbid that with a legal hold, and keep erased addresses out.
// Blocking; thread safe. Errors and receipts contain no personal data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/author.hpp>
#include <ctms/model/erasure.hpp>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Erasures, legal holds and suppressed addresses.
class CTMS_API erasures {
public:
    /// How long receipts are kept.
    static constexpr std::chrono::days kept{3 * 365};
    /// Maximum number of items in a list, and of receipts that one call forgets.
    static constexpr int most_at_once = 1'000;
    /// Maximum length of the reason of a hold, in bytes.
    static constexpr std::size_t longest_reason = 1'000;

    /// `db` must outlive it. Its suppression_options say how addresses are suppressed.
    explicit erasures(persistence::database& db) : db_(db) {}

    /// Erases all contacts with an address, in any case and Unicode form, in one transaction: the contact, Stripe's objects, what is parked
    /// or waits elsewhere. Their entries in the feed of changes keep their ids. Queues the deletion at the vendor; the receipt tells when
    /// that is confirmed. An address that is not stored gives a receipt too, unless the vendor has not confirmed an earlier erasure of it:
    /// then the receipt is that of the earlier one. `suppress` keeps the address out, and the Firefox accounts and customers at Stripe of
    /// the contacts that are erased now: those of contacts that are gone already cannot be found.
    /// `by`: who asks for it, for the feed of changes and the history.
    /// errc::conflict if a legal hold exists for one of the contacts; errc::invalid if the address has no @, is too long or not UTF-8;
    /// errc::misconfigured if `suppress` is asked for without a key; errc::unavailable if the database fails. Nothing is erased then.
    [[nodiscard]] result<model::erasure_request> erase(const std::string& primary_email, bool suppress, const model::author& by = {});

    /// Returns a receipt. errc::not_found if there is none with this id.
    [[nodiscard]] result<model::erasure> get(const uuid& erasure_id);
    /// Returns at most most_at_once receipts that the vendor has not confirmed, oldest first.
    [[nodiscard]] result<std::vector<model::erasure>> pending();
    /// Confirms the deletions of a stopped erasure in place of the vendor, after an operator has made sure there that they are done, and
    /// returns how many there were; 0 if all are confirmed. The sync then does not send them any more. errc::not_found if there is no such
    /// receipt; errc::conflict if the sync still works on all that is not confirmed, or these contacts exist again.
    [[nodiscard]] result<std::int64_t> confirm(const uuid& erasure_id);
    /// Removes some receipts that are older than `kept` and confirmed, and returns their number, at most most_at_once.
    [[nodiscard]] result<std::size_t> forget();

    /// Holds contacts: while a hold exists, nobody can delete or erase the contact. Returns how many of them exist. A contact that is held
    /// already gets the new reason. errc::malformed if the reason is empty, too long or not UTF-8.
    [[nodiscard]] result<std::size_t> hold(std::span<const uuid> email_ids, const std::string& reason, const std::string& held_by);
    /// Ends holds, and returns how many there were.
    [[nodiscard]] result<std::size_t> unhold(std::span<const uuid> email_ids);
    /// Returns at most most_at_once holds with ids after `after`, in order of email_id. Start with a nil id.
    [[nodiscard]] result<std::vector<model::legal_hold>> holds(const uuid& after = {});

    /// Ends the suppression of an address. Returns false if it was not suppressed with a key of the settings. errc::misconfigured without
    /// a key.
    [[nodiscard]] result<bool> unsuppress(const std::string& primary_email);
    /// Counts the suppressed addresses, for each key that made their hashes.
    [[nodiscard]] result<std::vector<model::suppressed_addresses>> suppressed();
    /// errc::misconfigured if addresses are suppressed by a key that the settings do not have: they would be stored again.
    [[nodiscard]] result<void> check_keys();

private:
    persistence::database& db_;
};

} // namespace ctms::service
