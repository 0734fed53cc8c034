// SPDX-License-Identifier: MPL-2.0
// Makes changes of contacts: reads them, computes their new content, and writes the difference if no other writer was faster. Private to
// this layer. An object makes one list of changes, on one thread.
#pragma once

#include "contact_repository.hpp"
#include "contact_write.hpp"
#include "write_options.hpp"

#include <persistence/postgres/connection.hpp>

#include <chrono>
#include <map>
#include <set>
#include <vector>

namespace ctms::persistence {

/// Tries changes in rounds until each has an outcome. A round tries the first waiting change of each contact, all together. Contacts that
/// are locked or were changed since they were read wait for the next round. A contact that waits alone is locked after some rounds, so that
/// its change cannot be overtaken for ever. If the others may fail because of one of them, each is tried alone. When the lock
/// timeout of the database has passed since the beginning, the changes that still wait fail.
class change_rounds {
public:
    /// All must outlive it. See contact_repository::change.
    change_rounds(database& db, std::span<const contact_to_change> several, const changes_done& done);

    void make();

private:
    using places = std::vector<std::size_t>;
    using milliseconds = std::chrono::milliseconds;
    struct prepared_change;
    struct attempt;

    [[nodiscard]] places first_of_each_contact() const;
    void make_round(const places& turn);
    /// Tries changes of different contacts in one transaction. `longest_wait`: for another transaction that inserts the same key.
    void try_together(const places& turn, milliseconds longest_wait, bool lock);
    void read_and_write(connection& db, const places& turn, milliseconds longest_wait, bool lock, attempt& into) const;
    void prepare(const places& turn, attempt& into) const;
    void insert(const prepared_change& one, milliseconds longest_wait);
    void pause() const;

    void settle(std::size_t place, result<model::contact> outcome);
    void settle_all(const error& failure);
    void report();

    [[nodiscard]] milliseconds time_left() const;
    [[nodiscard]] bool is_over() const { return time_left() <= milliseconds{1}; }
    [[nodiscard]] bool is_late() const;

    database& db_;
    std::span<const contact_to_change> several_;
    const changes_done& done_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    places waiting_;                    ///< the changes without an outcome, in order
    std::vector<change_outcome> known_; ///< the outcomes that have not been reported
    std::size_t left_ = 0;              ///< those of them that needed no write
    bool each_alone_ = false;
    int fruitless_ = 0; ///< rounds in a row without an outcome
};

/// Whether two inserts of the same id ran at the same time. The second one finds the row of the first when it tries again.
[[nodiscard]] bool is_race_of_inserts(const error& failure);

/// Locks the row of a contact in emails until the end of the transaction.
void lock_contact(connection& db, const uuid& email_id);

/// Reads one contact, or those that exist of several, in order of email_id.
/// @{
[[nodiscard]] std::vector<stored_contact> read_by_id(connection& db, const uuid& email_id);
[[nodiscard]] std::vector<stored_contact> read_by_ids(connection& db, std::span<const uuid> email_ids);
/// @}

/// What became of contacts. Those that the statement skipped are in neither list.
struct written_contacts {
    std::map<uuid, timestamp> times; ///< when each was written
    std::set<uuid> kept_out;         ///< those with a suppressed address, which were refused
};

/// Inserts or updates contacts. Compares new addresses with those that are suppressed, and also that of a contact that opts in again; what
/// `how` says is done with them. Sets `hashes` and `opt_out` of the contacts.
[[nodiscard]] written_contacts write_contacts(connection& db, write_kind kind, std::span<contact_write> contacts, const write_options& how);

/// Adds the names of all values that are already used to a conflict; returns other failures unchanged.
[[nodiscard]] error with_conflicts(database& db, error failure, const model::contact& contact);

} // namespace ctms::persistence
