// SPDX-License-Identifier: MPL-2.0
// The history of contacts: who changed a contact, when, and which fields. It is recorded, in the transaction of each change, by programs
// whose database has the option `keeps_history`. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/history.hpp>

#include <chrono>
#include <cstdint>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Reads the history, and forgets what is too old.
class CTMS_API contact_history {
public:
    /// `db` must outlive it.
    explicit contact_history(persistence::database& db) : db_(db) {}

    /// Returns a page of the history of a contact, the last recorded change first. Of a deleted contact only its deletion is known.
    /// errc::not_found
    /// ("Unknown email_id") if the contact does not exist and nothing is known of it; errc::invalid unless the limit is from 1 to 1000.
    [[nodiscard]] result<model::history_page> read(const uuid& email_id, const model::history_query& query = {});

    /// The largest number of entries that forget() forgets.
    static constexpr int most_forgotten = 1'000;
    /// Forgets some of the entries that are older than `age`, the oldest first, in one short transaction. Returns their number; if it is
    /// most_forgotten, there may be more.
    [[nodiscard]] result<std::int64_t> forget(std::chrono::seconds age);

private:
    persistence::database& db_;
};

} // namespace ctms::service
