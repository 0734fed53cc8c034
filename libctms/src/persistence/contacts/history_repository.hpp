// SPDX-License-Identifier: MPL-2.0
// Reads the history of contacts, and forgets what is too old (table ctms_history). Always reads the primary. Thread safe; each call is one
// transaction.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/history.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>

namespace ctms::persistence {

class history_repository {
public:
    /// `db` must outlive it.
    explicit history_repository(database& db) : db_(db) {}

    /// Returns a page of the history of a contact, newest first, in one round trip. errc::not_found ("Unknown email_id") if the contact
    /// does not exist and no entry of it is known.
    [[nodiscard]] result<model::history_page> read(const uuid& email_id, const model::history_query& query);

    /// Forgets at most `limit` entries that are older than `age`, the oldest first. Returns their number.
    [[nodiscard]] result<std::int64_t> forget(std::chrono::seconds age, int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
