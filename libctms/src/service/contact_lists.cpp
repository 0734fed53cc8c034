// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_lists.hpp>

#include "address_step.hpp"

#include <persistence/contacts/contact_bulk_repository.hpp>

namespace ctms::service {
result<std::vector<model::bulk_outcome>> contact_lists::remove(std::span<const std::string> primary_emails, bool dry_run) {
    persistence::contact_bulk_repository contacts(db_);
    return in_address_steps(primary_emails, step,
                            [&](std::span<const std::string> part) { return contacts.remove(part, {.dry_run = dry_run, .by = client_}); });
}

result<std::vector<model::bulk_outcome>> contact_lists::suppress(std::span<const std::string> primary_emails, bool dry_run) {
    persistence::contact_bulk_repository contacts(db_);
    return in_address_steps(primary_emails, step, [&](std::span<const std::string> part) {
        return contacts.suppress(part, {.dry_run = dry_run, .by = client_});
    });
}

} // namespace ctms::service
