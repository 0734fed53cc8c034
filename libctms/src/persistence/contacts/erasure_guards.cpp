// SPDX-License-Identifier: MPL-2.0
// Legal holds, which forbid erasures, and suppressed addresses, which keep erased people out.
#include "erasure_repository.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/suppression.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace ctms::persistence {

result<std::size_t> erasure_repository::hold(std::span<const uuid> email_ids, const std::string& reason, const std::string& held_by) {
    static const statement add{"hold_add", R"(
with held as materialized (
  select email_id from emails where email_id = any (array(select json_array_elements_text($1::json)::uuid)) order by email_id for key share)
insert into ctms_holds (email_id, reason, held_by) select email_id, $2, $3 from held order by email_id
on conflict (email_id) do update set reason = excluded.reason, held_by = excluded.held_by
returning 1)"};
    return run(db_, [&](connection& db) { return db.query(add, {json_ids(email_ids), reason, held_by}, true).size(); });
}

result<std::size_t> erasure_repository::unhold(std::span<const uuid> email_ids) {
    static const statement remove{"hold_remove", "delete from ctms_holds where email_id = any"
                                                 " (array(select json_array_elements_text($1::json)::uuid)) returning 1"};
    return run(db_, [&](connection& db) { return db.query(remove, {json_ids(email_ids)}, true).size(); });
}

result<std::vector<model::legal_hold>> erasure_repository::holds(const uuid& after, int limit) {
    static const statement list{"hold_list", fmt::format("select email_id::text, reason, held_by, {} from ctms_holds"
                                                         " where email_id > $1::uuid order by email_id limit $2::integer",
                                                         microseconds_sql("held_at"))};
    return run(db_, [&](connection& db) {
        const auto found = db.query(list, {after.to_string(), std::to_string(limit)});
        std::vector<model::legal_hold> out;
        for (std::size_t row = 0; row < found.size(); ++row) {
            out.push_back({uuid::parse(found.text(row, 0)).value_or(uuid{}), std::string(found.text(row, 1)),
                           std::string(found.text(row, 2)), read_time(found, row, 3)});
        }
        return out;
    });
}

result<bool> erasure_repository::unsuppress(const std::string& primary_email) {
    static const statement remove{"unsuppress", "delete from ctms_suppressed where address_hash = any"
                                                " (array(select decode(json_array_elements_text($1::json), 'hex'))) returning 1"};
    return run(db_, [&](connection& db) {
        const auto hashes = hashes_of_address(db, db_.connections().options().suppression, primary_email);
        return !db.query(remove, {json_names(hashes)}, true).empty();
    });
}

result<std::vector<model::suppressed_addresses>> erasure_repository::suppressed() {
    static const statement count{"suppressed_count",
                                 "select key_id, count(distinct address_hash) from ctms_suppressed group by key_id order by key_id"};
    const auto known = key_ids(db_.connections().options().suppression);
    return run(db_, [&](connection& db) {
        const auto found = db.query(count, {});
        std::vector<model::suppressed_addresses> out;
        for (std::size_t row = 0; row < found.size(); ++row) {
            const std::string key_id(found.text(row, 0));
            out.push_back({key_id, std::find(known.begin(), known.end(), key_id) != known.end(), found.integer(row, 1)});
        }
        return out;
    });
}

} // namespace ctms::persistence
