// SPDX-License-Identifier: MPL-2.0
// Reads the feed of changes: the table ctms_changes, and the contacts that existed when a reader began. Decision record 30 has the argument
// why nothing is missed. Always reads the primary. Thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/change.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>

namespace ctms::persistence {

/// How far the feed reaches at the moment.
struct feed_end {
    model::change_cursor last;   ///< the place of the last change that readers can see; everything after it will follow
    model::change_cursor oldest; ///< changes before this place may be missing: the last deletion that was forgotten, in this cluster
    std::uint64_t next_xid = 0;  ///< a cursor that names this transaction or a later one is not of this database
    std::int64_t cluster = 0;    ///< identifies the database cluster; the same after a failover and in a physical copy
};

/// Whether `a` comes earlier in the feed than `b`, of the same epoch. Not for places in the list of contacts.
[[nodiscard]] bool is_before(const model::change_cursor& a, const model::change_cursor& b);

class change_feed {
public:
    /// `db` must outlive it.
    explicit change_feed(database& db) : db_(db) {}

    /// Returns a page, without contacts. Takes one round trip, at the beginning of the feed two, of which one writes. errc::not_found if
    /// the cursor cannot be followed any more.
    [[nodiscard]] result<model::change_page> read(const model::changes_query& query);

    /// Returns where the feed ends, in one round trip.
    [[nodiscard]] result<feed_end> end();

    /// Forgets deletions that are older than `age`, at most `limit`, and returns their number. Cursors before them are gone afterwards.
    [[nodiscard]] result<std::int64_t> forget_deletions(std::chrono::seconds age, int limit);

    /// Returns how long ago the oldest change was made that readers cannot see yet, because an earlier transaction of the cluster is still
    /// open; 0 if there is none.
    [[nodiscard]] result<std::chrono::milliseconds> delay();

private:
    database& db_;
};

} // namespace ctms::persistence
