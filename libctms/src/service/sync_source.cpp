// SPDX-License-Identifier: MPL-2.0
#include "sync_source.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace ctms::service {

result<sync_source::items> sync_source::claim(int limit, int below) {
    auto claimed = queue_.claim(worker_, limit, lease_, below);
    if (!claimed) return claimed.error();
    if (claimed->empty()) return items();
    {
        const std::lock_guard lock(mutex_);
        for (const auto& one : *claimed) claimed_.insert(one.email_id);
    }
    auto out = load(std::move(*claimed));
    if (!out) return out;
    std::vector<persistence::sent_contact> doubtful;
    for (const auto& item : *out) {
        if (auto state = item->in_doubt()) doubtful.push_back({item->queued.email_id, item->queued.version, std::move(state)});
    }
    if (!doubtful.empty()) {
        if (const auto noted = queue_.note_states(worker_, doubtful); !noted) return noted.error();
    }
    return out;
}

result<sync_source::items> sync_source::peek(int limit) {
    auto due = queue_.peek(limit);
    return due ? load(std::move(*due)) : result<items>(due.error());
}

result<sync_source::items> sync_source::load(std::vector<persistence::queued_contact> claimed) {
    std::vector<uuid> ids;
    for (const auto& one : claimed) ids.push_back(one.email_id);
    const auto configuration = configuration_.read();
    if (!configuration) return configuration.error();
    auto found = contacts_.find(ids);
    if (!found) return found.error();
    const auto products = products_.find(ids);
    if (!products) return products.error();
    std::vector<std::string> all_products;
    if (std::any_of(claimed.begin(), claimed.end(), [](const auto& one) { return one.is_deletion && !one.sent; })) {
        auto read = products_.all_ids();
        if (!read) return read.error();
        all_products = std::move(*read);
    }
    std::map<uuid, model::contact> by_id;
    for (auto& contact : *found) by_id.emplace(contact.email.email_id, std::move(contact));
    items out;
    for (std::size_t i = 0; i < claimed.size(); ++i) {
        const auto contact = by_id.find(ids[i]);
        auto stored = contact == by_id.end() ? std::nullopt : std::optional(std::move(contact->second));
        out.push_back(std::make_unique<sync_item>(
            make_item(std::move(claimed[i]), std::move(stored), (*products)[i], *configuration, all_products, skip_unchanged_)));
    }
    return out;
}

void sync_source::finished(const uuid& email_id) {
    const std::lock_guard lock(mutex_);
    claimed_.erase(email_id);
}

result<void> sync_source::give_back() {
    const std::lock_guard lock(mutex_);
    if (claimed_.empty()) return {};
    const std::vector<uuid> ids(claimed_.begin(), claimed_.end());
    if (auto released = queue_.release(worker_, ids); !released) return released;
    claimed_.clear();
    return {};
}

} // namespace ctms::service
