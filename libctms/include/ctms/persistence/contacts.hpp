// SPDX-License-Identifier: MPL-2.0
// Stored contacts: the tables emails, amo, fxa, mofo, newsletters, waitlists and the sync's queue.
// Thread safe; each call is one transaction and as few round trips as it can be. Every write puts the contact into
// the queue of the sync in the same transaction: both happen or neither.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/updates_query.hpp>
#include <ctms/persistence/database.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ctms::persistence {

class replica_reads; // private: src/persistence/replica_reads.hpp

/// What becomes of a contact.
struct CTMS_API contact_change {
    model::contact after;    ///< what is to be stored
    bool touch_amo = false;  ///< write the group though it is the same: moves its update_timestamp
    bool touch_fxa = false;  ///< as touch_amo
    bool touch_mofo = false; ///< as touch_amo
};

/// Says what becomes of a contact, from what is stored (nullopt: nothing). Must be pure: it is called again when
/// somebody else changed the contact meanwhile. An error ends the change, nothing is written.
using change_function = std::function<result<contact_change>(const std::optional<model::contact>& stored)>;

/// One of several changes.
struct CTMS_API contact_to_change {
    uuid email_id;           ///< whom to change
    change_function compute; ///< what becomes of it; called as of change()
};

/// Reads and writes contacts.
class CTMS_API contact_repository {
public:
    /// `db` must outlive it, and `replica`, which may be slightly behind: it is asked what the comments below say, and `db` when it fails.
    explicit contact_repository(database& db, database* replica = nullptr);

    /// The contact with all its groups, in one round trip. errc::not_found when there is none.
    [[nodiscard]] result<model::contact> find(const uuid& email_id);

    /// The contacts of several ids, in one round trip for all: those that exist, in order of email_id.
    [[nodiscard]] result<std::vector<model::contact>> find(std::span<const uuid> email_ids);

    /// All contacts that match every id of the query, in order of email_id. One round trip: to the replica unless
    /// email_id is given; where that finds nothing, one more to `db`, which knows who has just been stored.
    [[nodiscard]] result<std::vector<model::contact>> find(const model::identity_query& query);

    /// What find() by each of the addresses alone finds, in their order. One round trip for all, as of find().
    [[nodiscard]] result<std::vector<std::vector<model::contact>>> find_by_addresses(std::span<const std::string> primary_emails);

    /// The ids of all contacts that match every id of the query, in order of email_id. One round trip, as of find().
    [[nodiscard]] result<std::vector<model::identity>> find_identities(const model::identity_query& query);

    /// Calls `visit` for the contacts of a page of /updates, in order of (update_timestamp, email_id): at most `query.limit`,
    /// behind the cursor if there is one. One round trip; one contact is built at a time. How many there were. Full pages come from the
    /// replica. One that is not full ends what a caller asked for, who will go on from there: `db` has the last word on it.
    [[nodiscard]] result<std::size_t> visit_updates(const model::updates_query& query,
                                                    const std::function<void(const model::contact&)>& visit);

    /// Stores a new contact and gives it back as stored, with its timestamps. One round trip.
    /// errc::conflict when a unique value is taken, with the names of all that are (email_id first); nothing is stored then.
    [[nodiscard]] result<model::contact> create(const model::contact& contact);

    /// Reads a contact, has `compute` say what becomes of it, and writes the difference, as if nobody else wrote meanwhile.
    /// Always moves the email's update_timestamp. Usually two round trips. errc::conflict as of create().
    [[nodiscard]] result<model::contact> change(const uuid& email_id, const change_function& compute);

    /// The same for several, in their order: those of contacts that are there, each once, in two round trips and one transaction
    /// for all; the rest, and what somebody else held or wrote meanwhile, one after another. One that fails does not fail the
    /// others, unless the database fails or the outcome of the transaction is not known.
    [[nodiscard]] std::vector<result<model::contact>> change(std::span<const contact_to_change> several);

    /// Deletes every contact of that address, in any case, with all that hangs on its id, and queues its deletion at the
    /// vendor. The ids of what was deleted, empty when there was nothing. One round trip.
    [[nodiscard]] result<std::vector<model::identity>> remove(const std::string& primary_email);

private:
    /// A conflict with the names of all values that are taken; any other failure as it is.
    [[nodiscard]] error with_conflicts(error failure, const model::contact& contact);

    database& db_;
    std::shared_ptr<replica_reads> replica_; // null: none
};

} // namespace ctms::persistence
