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
    /// `db` must outlive it.
    explicit changes(persistence::database& db) : db_(db) {}

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
};

} // namespace ctms::service
