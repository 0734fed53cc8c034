// SPDX-License-Identifier: MPL-2.0
#include "sync_source.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace ctms::service {

result<sync_source::items> sync_source::claim_probe(clock::time_point failing_since) {
    // The database notes an attempt a moment after it was made here.
    constexpr std::chrono::milliseconds delay{100};
    turns_began_ = std::max(turns_began_, failing_since);
    const auto untried_for = std::chrono::ceil<std::chrono::milliseconds>(clock::now() - turns_began_) + delay;
    auto untried = claim(1, persistence::any_priority, untried_for);
    if (!untried || !untried->empty()) return untried;
    turns_began_ = clock::now();
    return claim(1, persistence::any_priority, std::nullopt);
}

result<sync_source::items> sync_source::claim(int limit, int below, const std::optional<std::chrono::milliseconds>& untried_for) {
    const auto was_in_doubt = [&] {
        const std::lock_guard lock(mutex_);
        return std::exchange(is_in_doubt_, true); // until it is known which rows were claimed: an exception may come before that
    }();
    auto claimed = queue_.claim(worker_, limit, lease_, below, untried_for);
    if (!claimed) return claimed.error();
    {
        const std::lock_guard lock(mutex_);
        for (const auto& one : *claimed) claimed_[one.email_id] = one.version;
        is_in_doubt_ = was_in_doubt;
    }
    if (claimed->empty()) return items();
    return take(std::move(*claimed));
}

result<sync_source::items> sync_source::take(std::vector<persistence::queued_contact> claimed) {
    auto out = load(std::move(claimed));
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

void sync_source::finished(const uuid& email_id, std::int64_t version) {
    const std::lock_guard lock(mutex_);
    const auto found = claimed_.find(email_id);
    if (found != claimed_.end() && found->second == version) claimed_.erase(found); // otherwise it was claimed again
}

result<void> sync_source::give_back() {
    const std::lock_guard lock(mutex_);
    if (claimed_.empty() && !is_in_doubt_) return {};
    std::vector<uuid> ids;
    for (const auto& [id, version] : claimed_) ids.push_back(id);
    if (auto released = queue_.release(worker_, is_in_doubt_ ? std::nullopt : std::optional(std::span<const uuid>(ids))); !released)
        return released;
    claimed_.clear();
    is_in_doubt_ = false;
    return {};
}

} // namespace ctms::service
