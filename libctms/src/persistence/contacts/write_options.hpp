// SPDX-License-Identifier: MPL-2.0
// How contacts are written. Private to the library.
#pragma once

#include <ctms/persistence/database.hpp>
#include <persistence/postgres/pool.hpp>

#include <chrono>

namespace ctms::persistence {

/// What a write does besides writing.
struct write_options {
    std::chrono::milliseconds longest_wait; ///< for each lock
    const suppression_options& suppression; ///< which addresses are kept out
    bool keeps_history;                     ///< also records the changes in ctms_history
};

/// The options of a database, which must outlive them.
[[nodiscard]] inline write_options write_options_of(database& db, std::chrono::milliseconds longest_wait) {
    return {longest_wait, db.connections().options().suppression, keeps_history(db)};
}

/// The same, with the lock timeout of the database.
[[nodiscard]] inline write_options write_options_of(database& db) { return write_options_of(db, db.connections().options().lock_timeout); }

} // namespace ctms::persistence
