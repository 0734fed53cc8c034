// SPDX-License-Identifier: MPL-2.0
// The feed of changes: every change of every contact, whoever made it, in an order in which a reader misses nothing. Calls block; thread
// safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/change.hpp>

#include <chrono>
#include <cstdint>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Reads the feed of changes.
class CTMS_API changes {
public:
    /// `db` must outlive it. `stores_documents`: reads with contacts also store the contacts' documents that are missing, which makes later
    /// reads cheaper; the account of `db` then needs the rights of ctms-web.
    explicit changes(persistence::database& db, bool stores_documents = true) : db_(db), stores_documents_(stores_documents) {}

    /// Returns a part of the feed. Without a cursor it begins with every contact that exists. A reader that goes on at `next`, stores what
    /// it gets, and keeps the cursor with it misses nothing; it may get a change twice. A contact that changed several times since the
    /// cursor may come once. errc::not_found if the cursor belongs to another database or is older than the deletions that are still known:
    /// the message says what to do.
    [[nodiscard]] result<model::change_page> read(const model::changes_query& query);

    /// The largest number of deletions that forget_deletions() forgets.
    static constexpr int most_forgotten = 1'000;

    /// Forgets some of the deletions that are older than `age`, in one short transaction. Returns their number; if it is most_forgotten,
    /// there may be more.
    [[nodiscard]] result<std::int64_t> forget_deletions(std::chrono::seconds age);

private:
    persistence::database& db_;
    bool stores_documents_;
};

} // namespace ctms::service
