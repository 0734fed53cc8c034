// SPDX-License-Identifier: MPL-2.0
// The database that the Python service leaves.
#pragma once

#include <persistence/migrations/embedded_migrations.hpp>
#include <persistence/postgres/connection.hpp>

namespace ctms::test {

/// Makes, in an empty database, the schema of the Python service and no table of ours, with three contacts and three rows that wait for
/// the sync.
inline void make_reference_database(persistence::connection& link) {
    link.execute(persistence::embedded_migrations().front().sql);
    link.execute("insert into emails (email_id, primary_email, update_timestamp)"
                 " select ('00000000-0000-4000-8000-00000000000' || n)::uuid, n || '@example.com', now() from generate_series(1, 3) n");
    link.execute("insert into pending_acoustic (email_id, retry, create_timestamp, update_timestamp) values"
                 " ('00000000-0000-4000-8000-000000000001', 0, '2021-01-01', '2021-01-02'),"
                 " ('00000000-0000-4000-8000-000000000001', 5, '2021-01-03', '2021-01-04'),"
                 " ('00000000-0000-4000-8000-000000000002', 9, '2021-02-01', '2021-02-01')");
}

} // namespace ctms::test
