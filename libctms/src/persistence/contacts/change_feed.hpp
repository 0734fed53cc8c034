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

class change_feed {
public:
    /// `db` must outlive it.
    explicit change_feed(database& db) : db_(db) {}

    /// Returns a page, without contacts. Takes one round trip, at the beginning of the feed two, of which one writes. errc::not_found if
    /// the cursor cannot be followed any more.
    [[nodiscard]] result<model::change_page> read(const model::changes_query& query);

    /// Forgets deletions that are older than `age`, at most `limit`, and returns their number. Cursors before them are gone afterwards.
    [[nodiscard]] result<std::int64_t> forget_deletions(std::chrono::seconds age, int limit);

    /// Returns how long ago the oldest change was made that readers cannot see yet, because an earlier transaction of the cluster is still
    /// open; 0 if there is none.
    [[nodiscard]] result<std::chrono::milliseconds> delay();

private:
    database& db_;
};

} // namespace ctms::persistence
