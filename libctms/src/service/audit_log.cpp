// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/audit_log.hpp>

#include <base/storable.hpp>
#include <persistence/clients/audit_repository.hpp>

namespace ctms::service {

result<audit_outcome> audit_log::record(const std::string& actor, const std::string& command, const std::function<audited_result()>& run) {
    persistence::audit_repository records(db_);
    const auto id = records.begin(to_storable(actor), to_storable(command)); // a record must not fail because of its content
    if (!id) return id.error();
    auto done = run();
    for (auto& [name, value] : done.details) {
        name = to_storable(name);
        value = to_storable(value);
    }
    return audit_outcome{done.exit_code, records.end(*id, done.exit_code, done.details)};
}

result<std::vector<model::audit_record>> audit_log::list(int limit) {
    if (limit < 1) return invalid("limit must be positive");
    return persistence::audit_repository(db_).list(limit);
}

} // namespace ctms::service
