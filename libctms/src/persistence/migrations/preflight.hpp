// SPDX-License-Identifier: MPL-2.0
// What is looked at before a migration changes anything. Private to this room.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

namespace ctms::persistence {

/// The plan for a schema in `state`; its other members are empty if nothing is pending or the schema is refused.
[[nodiscard]] migration_plan plan_for(connection& link, schema_state state);

} // namespace ctms::persistence
