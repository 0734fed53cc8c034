// SPDX-License-Identifier: MPL-2.0
// Reads what the server says about itself and about the sync queue. Thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/database_facts.hpp>
#include <ctms/persistence/database.hpp>

namespace ctms::persistence {

/// One round trip. Works with any schema.
[[nodiscard]] result<model::database_facts> read_server_facts(database& db);

/// Reads only the clock of the database.
[[nodiscard]] result<timestamp> read_server_clock(database& db);

} // namespace ctms::persistence
