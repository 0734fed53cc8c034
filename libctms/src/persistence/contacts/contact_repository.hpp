// SPDX-License-Identifier: MPL-2.0
// Reads and writes stored contacts: the tables emails, amo, fxa, mofo, newsletters, waitlists, and the sync queue. Every write queues the
// contact for the sync and notes the change, with its client, in ctms_changes, in the same transaction; if the database keeps the history,
// also in ctms_history. Thread safe; each call is one transaction with as few round trips as possible.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/author.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/contact_document.hpp>
#include <ctms/model/updates_query.hpp>
#include <ctms/persistence/database.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::persistence {

class connection;       // private: src/persistence/postgres/connection.hpp
struct updates_horizon; // private: updates_horizon.hpp
class shared_horizon;   // private: updates_horizon.hpp
class replica_reads;    // private: src/persistence/postgres/replica_reads.hpp
class document_store;   // private: contact_documents.hpp

/// The result of a change_function.
struct contact_change {
    model::contact after;    ///< the contact to store
    bool touch_amo = false;  ///< write the group even if it is unchanged, to update its update_timestamp
    bool touch_fxa = false;  ///< like touch_amo
    bool touch_mofo = false; ///< like touch_amo
    bool leave = false;      ///< write nothing: the contact stays as it is, which is no failure. Only for contacts that exist
};

/// Returns the new content of a contact from the stored one (nullopt if it does not exist). Must be pure: it is called again if the
/// contact was changed by another writer in the meantime. If it returns an error, nothing is written.
using change_function = std::function<result<contact_change>(const std::optional<model::contact>& stored)>;

/// One of several changes.
struct contact_to_change {
    uuid email_id;           ///< the contact to change
    change_function compute; ///< computes the new content, as in change()
    model::author by{};      ///< who changes it
};

/// The outcome of one of several changes.
struct change_outcome {
    std::size_t index; ///< of the change in the list
    result<model::contact> contact;
};

/// Takes outcomes as soon as they are known, on the thread that makes the changes. May move from them.
using changes_done = std::function<void(std::span<change_outcome>)>;

/// Decides, with the contacts that have an address, whether they are deleted.
using removal_check = std::function<result<void>(std::span<const model::contact> found)>;

/// The documents of a page of /updates, in its order.
struct document_page {
    std::vector<std::string_view> documents{};   ///< valid as long as `texts`
    std::size_t bytes = 0;                       ///< of all documents together
    std::optional<model::updates_cursor> next{}; ///< after which the next page begins; nullopt if this is the last one
    std::shared_ptr<const void> texts{};         ///< what the views refer to
};

/// Reads and writes contacts.
class contact_repository {
public:
    /// `db` must outlive it, and so must `replica`, which may lag slightly. The replica answers the calls whose comments say so; if it
    /// fails, `db` answers. `stores_documents`: reads of documents store those that they had to make, for which the account needs rights.
    explicit contact_repository(database& db, database* replica = nullptr, bool stores_documents = true);

    /// Returns the contact with all its groups, in one round trip. errc::not_found if it does not exist.
    [[nodiscard]] result<model::contact> find(const uuid& email_id);

    /// Returns those of the contacts that exist, in order of email_id, in one round trip.
    [[nodiscard]] result<std::vector<model::contact>> find(std::span<const uuid> email_ids);

    /// Returns all contacts that match every id of the query, in order of email_id; none for a query without ids. Takes one round trip, to
    /// the replica unless email_id is given. If the replica finds nothing, one more round trip goes to `db`, because the contact may have
    /// just been stored.
    [[nodiscard]] result<std::vector<model::contact>> find(const model::identity_query& query);

    /// Returns the documents of those contacts that exist, in order of email_id, in one round trip. Here and below, contacts without a
    /// document take two more: one to read their tables, and one to store their documents.
    [[nodiscard]] result<std::vector<model::contact_document>> documents(std::span<const uuid> email_ids);

    /// The documents of the contacts that find() returns, read as it reads them.
    [[nodiscard]] result<std::vector<model::contact_document>> documents(const model::identity_query& query);

    /// For each query, in the given order, returns what documents() returns for it alone. All queries that have just one id, of the same
    /// kind, take one round trip together.
    [[nodiscard]] std::vector<result<std::vector<model::contact_document>>> documents(std::span<const model::identity_query> queries);

    /// Returns the ids of all contacts that match every id of the query, in order of email_id. Takes one round trip, like find().
    [[nodiscard]] result<std::vector<model::identity>> find_identities(const model::identity_query& query);

    /// Returns up to which time all changes are visible, by the clock of the database, in at most one round trip to `db`. The pages must be
    /// read afterwards.
    [[nodiscard]] result<updates_horizon> horizon();

    /// Calls `visit` for the contacts of a page of /updates, in order of (update_timestamp, email_id): at most `query.limit`, starting
    /// after the cursor if there is one. The query must have an end. Takes one round trip and builds one contact at a time. Returns after
    /// which contact the next page begins; nullopt if this is the last one. With mofo_relevant, a page that is not the last may have fewer
    /// contacts than the limit, or none, because it examines a bounded number; it takes three more round trips, and a fourth if it is not
    /// full. A replica answers if it has everything that `db` has at the moment, which takes two more round trips.
    [[nodiscard]] result<std::optional<model::updates_cursor>> visit_updates(const model::updates_query& query,
                                                                             const std::function<void(const model::contact&)>& visit);

    /// Reads the same page as documents. Contacts without a document take one more round trip, and another one to store their documents;
    /// one that is changed or deleted between the two is left out.
    [[nodiscard]] result<document_page> update_documents(const model::updates_query& query);

    /// Stores a new contact and returns it as stored, with its timestamps, in one round trip. errc::conflict if a unique value is already
    /// used, with the names of all such fields (email_id first); errc::invalid if its address is suppressed and suppression_options do not
    /// say to opt it out. Nothing is stored then. Here and in change(), an address that is not ASCII takes one more round trip if there is
    /// a key for suppressed addresses, and a contact that is opted out because of it another.
    [[nodiscard]] result<model::contact> create(const model::contact& contact, const model::author& by = {});

    /// Reads a contact, calls `compute` for its new content, and writes the difference, as if there were no concurrent writes. Always
    /// updates the email's update_timestamp, to a later time. Usually takes two round trips. errc::conflict as in create();
    /// errc::unavailable if the contact stayed locked for the lock timeout of the database.
    [[nodiscard]] result<model::contact> change(const uuid& email_id, const change_function& compute, const model::author& by = {});

    /// The same for several contacts. Changes of the same contact are made in the given order. Existing contacts are changed together, in
    /// two round trips and one transaction. Those that are locked or changed concurrently are tried again, together and without
    /// waiting for their locks, until the lock timeout has passed since the call began. A failure does not affect the others, unless the
    /// database fails or the outcome of the transaction is unknown. Passes each outcome to `done` once, as soon as it is known.
    void change(std::span<const contact_to_change> several, const changes_done& done);
    /// Returns all outcomes at the end, in the given order.
    [[nodiscard]] std::vector<result<model::contact>> change(std::span<const contact_to_change> several);

    /// Deletes all contacts with this address, in any case, with everything that belongs to them, and queues their deletion at the vendor.
    /// Returns the ids of the deleted contacts, empty if there were none. One round trip.
    /// With a check, only if it allows that for the contacts as they are, which are locked meanwhile; otherwise returns its error, after
    /// two round trips more.
    [[nodiscard]] result<std::vector<model::identity>> remove(const std::string& primary_email, const model::author& by = {},
                                                              const removal_check& check = {});

private:
    database& db_;
    std::shared_ptr<replica_reads> replica_; // null: none
    std::shared_ptr<shared_horizon> horizon_;
    std::shared_ptr<document_store> store_;

    [[nodiscard]] result<std::vector<std::vector<model::contact_document>>> documents_by(std::size_t kind, std::span<const std::string> ids,
                                                                                         replica_reads* replica);
    template <class Read>
    auto read_page(const Read& read) -> result<decltype(read(std::declval<connection&>()))>;
};

} // namespace ctms::persistence
