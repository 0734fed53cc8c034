// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/diagnosis.hpp>

#include <persistence/sync/server_facts.hpp>

namespace ctms::service {

result<model::database_facts> inspect_database(persistence::database& db) { return persistence::read_server_facts(db); }

} // namespace ctms::service
