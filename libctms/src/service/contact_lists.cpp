// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_lists.hpp>

#include "address_step.hpp"

#include <persistence/contacts/contact_bulk_repository.hpp>

namespace ctms::service {
namespace {

/// Calls `act(addresses)` for each step of the list, and puts its outcomes into their places.
template <class Act>
result<std::vector<model::bulk_outcome>> in_steps(std::span<const std::string> all, Act act) {
    std::vector<model::bulk_outcome> out(all.size());
    for (std::size_t begin = 0; begin < all.size(); begin += contact_lists::step) {
        const auto step = storable_addresses(all, begin, contact_lists::step);
        if (step.addresses.empty()) continue;
        const auto outcomes = act(std::span<const std::string>(step.addresses));
        if (!outcomes) return outcomes.error();
        for (std::size_t i = 0; i < step.places.size(); ++i) out[step.places[i]] = outcomes->at(i);
    }
    return out;
}

} // namespace

result<std::vector<model::bulk_outcome>> contact_lists::remove(std::span<const std::string> primary_emails, bool dry_run) {
    persistence::contact_bulk_repository contacts(db_);
    return in_steps(primary_emails, [&](std::span<const std::string> part) { return contacts.remove(part, dry_run); });
}

result<std::vector<model::bulk_outcome>> contact_lists::suppress(std::span<const std::string> primary_emails, bool dry_run) {
    persistence::contact_bulk_repository contacts(db_);
    return in_steps(primary_emails, [&](std::span<const std::string> part) { return contacts.suppress(part, dry_run); });
}

} // namespace ctms::service
