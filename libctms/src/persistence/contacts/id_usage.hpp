// SPDX-License-Identifier: MPL-2.0
// Reads how many of their ids the tables of contacts have used. Private to this layer and to service. Thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/id_usage.hpp>
#include <ctms/persistence/database.hpp>

#include <vector>

namespace ctms::persistence {

/// Returns each table that has a sequence which this account may read, in order of name. One round trip, in constant time.
[[nodiscard]] result<std::vector<model::id_usage>> read_id_usage(database& db);

} // namespace ctms::persistence
