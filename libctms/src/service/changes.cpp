// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/changes.hpp>

#include <persistence/contacts/change_feed.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace ctms::service {
namespace {

/// Adds the contacts as they are now, which may be later than the changes.
result<void> add_contacts(persistence::database& db, bool stores_documents, model::change_page& page) {
    std::vector<uuid> ids;
    for (const auto& one : page.items) {
        if (one.what != model::change_kind::deleted) ids.push_back(one.email_id);
    }
    if (ids.empty()) return {};
    auto found = persistence::contact_repository(db, nullptr, stores_documents).documents(ids);
    if (!found) return found.error();
    const auto by_id = [](const model::contact_document& one, const uuid& wanted) { return one.email_id < wanted; };
    for (auto& one : page.items) {
        const auto place = std::lower_bound(found->begin(), found->end(), one.email_id, by_id);
        if (place != found->end() && place->email_id == one.email_id) one.stored = std::move(*place);
    }
    return {};
}

} // namespace

result<model::change_page> changes::read(const model::changes_query& query) {
    auto page = persistence::change_feed(db_).read(query);
    if (!page || !query.with_contacts) return page;
    if (const auto added = add_contacts(db_, stores_documents_, *page); !added) return added.error();
    return page;
}

result<std::int64_t> changes::forget_deletions(std::chrono::seconds age) {
    return persistence::change_feed(db_).forget_deletions(age, most_forgotten);
}

} // namespace ctms::service
