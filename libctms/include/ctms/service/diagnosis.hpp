// SPDX-License-Identifier: MPL-2.0
// What a database server says about itself, for operators who look for the cause of a problem. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/database_facts.hpp>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Asks the database, in one round trip. What the account may not see counts as 0. Works with any schema.
[[nodiscard]] CTMS_API result<model::database_facts> inspect_database(persistence::database& db);

} // namespace ctms::service
