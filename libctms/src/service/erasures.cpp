// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/erasures.hpp>

#include <base/storable.hpp>
#include <ctms/persistence/database.hpp>
#include <persistence/contacts/erasure_repository.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

namespace ctms::service {
namespace {

using persistence::erasure_repository;

constexpr std::size_t longest_address = 1'024; // bytes: 255 characters

error no_key() {
    return misconfigured("Addresses cannot be suppressed: the service has no key for their hashes", "CTMS_SUPPRESSION_KEYS is not set");
}

bool has_key(persistence::database& db) { return static_cast<bool>(db.connections().options().suppression.hashes); }

} // namespace

result<model::erasure_request> erasures::erase(const std::string& primary_email, bool suppress, const model::author& by) {
    // Without @ it could be a word that objects of other people have, too.
    if (primary_email.find('@') == std::string::npos || primary_email.size() > longest_address || !is_storable(primary_email))
        return invalid("primary_email: not an address");
    if (suppress && !has_key(db_)) return no_key();
    return erasure_repository(db_).erase({primary_email, suppress, by});
}

result<model::erasure> erasures::get(const uuid& erasure_id) {
    const auto found = erasure_repository(db_).find(erasure_id);
    if (!found) return found.error();
    if (!*found) return not_found("Unknown erasure");
    return **found;
}

result<std::vector<model::erasure>> erasures::pending() { return erasure_repository(db_).list_pending(most_at_once); }

result<std::int64_t> erasures::confirm(const uuid& erasure_id) {
    auto confirmed = erasure_repository(db_).confirm_stopped(erasure_id);
    if (!confirmed || *confirmed > 0) return confirmed;
    const auto receipt = get(erasure_id);
    if (!receipt) return receipt.error();
    if (receipt->vendor == model::vendor_erasure::waiting)
        return conflict("The sync still works on this erasure, and confirms it when the vendor has answered: nothing was changed");
    if (receipt->vendor == model::vendor_erasure::stopped)
        return conflict("A contact of this erasure exists again, so the vendor gets it again: erase it again. Nothing was changed");
    return 0;
}

result<std::size_t> erasures::forget() { return erasure_repository(db_).forget(kept, most_at_once); }

result<std::size_t> erasures::hold(std::span<const uuid> email_ids, const std::string& reason, const std::string& held_by) {
    if (reason.empty()) return malformed("a hold needs a reason");
    if (reason.size() > longest_reason || !is_storable(reason))
        return malformed(fmt::format("the reason of a hold must be text of at most {} bytes", longest_reason));
    return erasure_repository(db_).hold(email_ids, reason, to_storable(held_by));
}

result<std::size_t> erasures::unhold(std::span<const uuid> email_ids) { return erasure_repository(db_).unhold(email_ids); }

result<std::vector<model::legal_hold>> erasures::holds(const uuid& after) { return erasure_repository(db_).holds(after, most_at_once); }

result<bool> erasures::unsuppress(const std::string& primary_email) {
    if (!has_key(db_)) return no_key();
    if (!is_storable(primary_email)) return false;
    return erasure_repository(db_).unsuppress(primary_email);
}

result<std::vector<model::suppressed_addresses>> erasures::suppressed() { return erasure_repository(db_).suppressed(); }

result<void> erasures::check_keys() {
    const auto all = suppressed();
    if (!all) return all.error();
    for (const auto& one : *all) {
        if (one.is_known) continue;
        return misconfigured(fmt::format("{} addresses are suppressed by a key that is not set, so they would be stored again: add it to "
                                         "CTMS_SUPPRESSION_KEYS",
                                         one.count));
    }
    return {};
}

} // namespace ctms::service
