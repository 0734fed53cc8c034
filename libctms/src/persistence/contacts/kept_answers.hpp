// SPDX-License-Identifier: MPL-2.0
// The answers that are kept for keys (ctms_kept_answers). The functions that take a connection work in the transaction of the caller, and
// throw sql_error. Private to the library.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/kept_answer.hpp>
#include <ctms/persistence/database.hpp>
#include <persistence/postgres/connection.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace ctms::persistence {

/// A key of a client and its request, as hashes.
struct answer_key {
    std::string client{};  ///< client_id
    std::string digest{};  ///< of client and key: PostgreSQL's text of a bytea, as `request`
    std::string request{}; ///< of the request
    std::int64_t lock = 0; ///< a part of the digest
};

/// What is stored for a key.
struct stored_answer {
    bool is_erased = false;
    bool is_same_request = false;
    model::kept_answer answer{};
};

/// Locks the key until the end of the transaction. Returns false if another transaction has locked it.
[[nodiscard]] bool try_lock(connection& db, const answer_key& key);

/// Returns what is stored for a locked key.
[[nodiscard]] std::optional<stored_answer> find_answer(connection& db, const answer_key& key);

/// Stores the answer for a locked key for which nothing is stored.
void keep_answer(connection& db, const answer_key& key, const model::kept_answer& answer);

/// Removes answers that are older, but at most so many, and returns how many. Neither this function nor forget_oldest_answers waits for
/// rows that another transaction has locked: they stay. So they cannot deadlock with a deletion of contacts, which erases their answers.
[[nodiscard]] result<std::size_t> forget_old_answers(database& db, std::chrono::seconds age, std::size_t most);

/// Returns the bytes of the answers of each client.
[[nodiscard]] result<std::map<std::string, std::int64_t>> sizes_of_answers(database& db);

/// What forget_oldest_answers removed.
struct forgotten_answers {
    std::size_t count = 0;
    std::int64_t bytes = 0;
};

/// Removes the oldest answers, of a client or of all, until this many bytes are free, but at most so many.
[[nodiscard]] result<forgotten_answers> forget_oldest_answers(database& db, const std::optional<std::string>& client, std::int64_t bytes,
                                                              std::size_t most);

} // namespace ctms::persistence
