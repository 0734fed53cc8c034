// SPDX-License-Identifier: MPL-2.0
#include "pool.hpp"

#include <ctms/persistence/acoustic_configuration.hpp>

namespace ctms::persistence {

result<model::acoustic_configuration> acoustic_configuration_repository::read() {
    static constexpr statement read_all{"acoustic_configuration",
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

} // namespace ctms::persistence
