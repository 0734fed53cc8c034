// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/stripe_ingest.hpp>

#include <json/stripe_check.hpp>
#include <persistence/stripe/stripe_repository.hpp>

namespace ctms::service {

result<model::stripe::ingest_report> stripe_ingest::ingest(const model::stripe::object& object) {
    if (const auto good = json::check(object); !good) return good.error();
    auto report = persistence::stripe_repository(db_).ingest(object);
    if (report) report->unknown_values = json::unknown_values(object);
    return report;
}

result<std::size_t> stripe_ingest::queue_contacts(const model::stripe::object& object) {
    if (const auto good = json::check(object); !good) return good.error();
    return persistence::stripe_repository(db_).queue_contacts(object);
}

} // namespace ctms::service
