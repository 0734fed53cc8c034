// SPDX-License-Identifier: MPL-2.0
#include "acoustic_configuration_repository.hpp"

#include <persistence/postgres/pool.hpp>

namespace ctms::persistence {
namespace {

const statement insert_field{"acoustic_add_field", "insert into acoustic_field (tablename, field) values ($1, $2) on conflict do nothing"};
const statement delete_field{"acoustic_remove_field", "delete from acoustic_field where tablename = $1 and field = $2"};
const statement insert_mapping{"acoustic_add_mapping", "insert into acoustic_newsletter_mapping (source, destination) values ($1, $2)"
                                                       " on conflict do nothing"};
const statement replace_mapping{"acoustic_replace_mapping", "insert into acoustic_newsletter_mapping (source, destination) values ($1, $2)"
                                                            " on conflict (source) do update set destination = excluded.destination"};
const statement delete_mapping{"acoustic_remove_mapping",
                               "delete from acoustic_newsletter_mapping where source = $1 returning destination"};

} // namespace

result<model::acoustic_configuration> acoustic_configuration_repository::read() {
    static const statement read_all{"acoustic_configuration",
                                    "select 'field', tablename, field from acoustic_field "
                                    "union all select 'mapping', source, destination from acoustic_newsletter_mapping"};
    return run(db_, [](connection& db) {
        const auto found = db.query(read_all, {});
        model::acoustic_configuration out;
        for (std::size_t row = 0; row < found.size(); ++row) {
            const std::string name(found.text(row, 1));
            const std::string value(found.text(row, 2));
            found.text(row, 0) == "field" ? void(out.sync_fields[name].insert(value)) : void(out.newsletter_mappings[name] = value);
        }
        return out;
    });
}

result<void> acoustic_configuration_repository::add_field(const std::string& table, const std::string& field) {
    return run(db_, [&](connection& db) { db.query(insert_field, {table, field}, true); });
}

result<void> acoustic_configuration_repository::remove_field(const std::string& table, const std::string& field) {
    const auto removed = run(db_, [&](connection& db) { return db.query(delete_field, {table, field}, true).affected(); });
    if (!removed) return removed.error();
    return *removed > 0 ? result<void>() : result<void>(not_found("Unknown field"));
}

result<void> acoustic_configuration_repository::add_mapping(const std::string& source, const std::string& destination, bool replace) {
    const auto& how = replace ? replace_mapping : insert_mapping;
    const auto added = run(db_, [&](connection& db) { return db.query(how, {source, destination}, true).affected(); });
    if (!added) return added.error();
    return *added > 0 ? result<void>() : result<void>(error{errc::conflict, "The newsletter is already mapped", {}, {}, {"source"}});
}

result<std::string> acoustic_configuration_repository::remove_mapping(const std::string& source) {
    const auto removed = run(db_, [&](connection& db) {
        const auto found = db.query(delete_mapping, {source}, true);
        return found.empty() ? std::nullopt : found.optional_text(0, 0);
    });
    if (!removed) return removed.error();
    return *removed ? result<std::string>(**removed) : result<std::string>(not_found("Unknown mapping"));
}

} // namespace ctms::persistence
