// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/audit_log.hpp>

#include <base/storable.hpp>
#include <persistence/clients/audit_repository.hpp>

namespace ctms::service {

namespace {

model::audit_details storable(const model::audit_details& details) {
    model::audit_details out;
    for (const auto& [name, value] : details) out.emplace_back(to_storable(name), to_storable(value));
    return out;
}

} // namespace

result<audit_outcome> audit_log::record(const std::string& actor, const std::string& command, const std::function<audited_result()>& run) {
    persistence::audit_repository records(db_);
    const auto id = records.begin(to_storable(actor), to_storable(command)); // a record must not fail because of its content
    if (!id) return id.error();
    const auto done = run();
    return audit_outcome{done.exit_code, records.end(*id, done.exit_code, storable(done.details))};
}

result<void> audit_log::note(const std::string& actor, const std::string& command, const model::audit_details& details) {
    return persistence::audit_repository(db_).note(to_storable(actor), to_storable(command), storable(details));
}

result<std::vector<model::audit_record>> audit_log::list(int limit) {
    if (limit < 1) return invalid("limit must be positive");
    return persistence::audit_repository(db_).list(limit);
}

} // namespace ctms::service
