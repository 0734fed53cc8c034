// SPDX-License-Identifier: MPL-2.0
#include "bulk_rounds.hpp"

#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

namespace ctms::service {
namespace {

std::string_view address_of(const json::bulk_item& item) {
    if (item.input) return (*item.input)->email.primary_email;
    if (item.patch) return (*item.patch)->email.value().primary_email;
    return {};
}

} // namespace

result<bulk_entries> bulk_rounds::take(bulk_entries& pending) {
    if (auto found = find_targets(pending); !found) return found.error();
    std::set<uuid> ids;
    std::set<std::string_view> addresses;
    bulk_entries round;
    bulk_entries later;
    for (auto& one : pending) {
        const auto& given = one.item->email_id;
        bool is_first = one.target.is_nil() || ids.insert(one.target).second;
        if (given != one.target && !given.is_nil()) is_first = ids.insert(given).second && is_first;
        if (!one.address.empty()) is_first = addresses.insert(one.address).second && is_first;
        (is_first ? round : later).push_back(std::move(one));
    }
    pending = std::move(later);
    return round;
}

/// Finds the contacts that the items are about. A contact is looked up once, unless a round may have changed its address.
result<void> bulk_rounds::find_targets(bulk_entries& pending) {
    std::vector<std::string> addresses;
    for (auto& one : pending) {
        one.address = address_of(*one.item);
        one.target = one.item->email_id;
        if (one.item->input && known_.try_emplace(std::string(one.address)).second) {
            addresses.emplace_back(one.address);
        }
    }
    if (!addresses.empty()) {
        auto found = bulk_.find_ids(addresses);
        if (!found) return found.error();
        for (const auto& [address, id] : *found) known_[address] = id;
    }
    std::vector<bulk_entry*> doubtful;
    for (auto& one : pending) {
        if (!one.item->input) continue;
        const auto& found = known_.find(one.address)->second;
        if (one.item->what == json::bulk_operation::create) {
            one.is_taken = !found.is_nil();
            continue;
        }
        one.target = found;
        const auto& given = one.item->email_id;
        if (!one.target.is_nil() && !given.is_nil() && one.target != given) doubtful.push_back(&one);
    }
    return prefer_given_ids(doubtful);
}

/// Decides about upserts whose address belongs to a contact with another id: if a contact with the given id exists, it is that one.
result<void> bulk_rounds::prefer_given_ids(const std::vector<bulk_entry*>& some) {
    if (some.empty()) return {};
    std::vector<uuid> ids;
    for (const auto* one : some) ids.push_back(one->item->email_id);
    const auto found = contacts_.find(ids);
    if (!found) return found.error();
    std::set<uuid> existing;
    for (const auto& one : *found) existing.insert(one.email.email_id);
    for (auto* one : some) {
        if (existing.contains(one->item->email_id)) one->target = one->item->email_id;
    }
    return {};
}

void bulk_rounds::note(bulk_entries& round) {
    std::set<uuid> moved; // contacts whose address may be another one now
    std::set<std::string_view> unsure;
    for (auto& one : round) {
        if (!one.target.is_nil()) one.out->email_id = one.target;
        if (one.out->what == bulk_outcome::created) {
            known_.insert_or_assign(std::string(one.address), one.target);
        } else if (one.out->what == bulk_outcome::removed || (one.out->what == bulk_outcome::changed && !one.address.empty())) {
            const auto known = known_.find(one.address);
            if (known != known_.end() && known->second == one.target && one.out->what == bulk_outcome::changed) continue;
            moved.insert(one.target);
            unsure.insert(one.address);
        } else if (one.out->what == bulk_outcome::refused) {
            unsure.insert(one.address);
        }
    }
    if (moved.empty() && unsure.empty()) return;
    std::erase_if(known_, [&](const auto& one) { return moved.contains(one.second) || unsure.contains(one.first); });
}

result<uuid> bulk_rounds::find(bulk_entry& one) {
    const auto& given = one.item->email_id;
    const auto by_id =
        given.is_nil() ? result<std::vector<model::contact>>(std::vector<model::contact>()) : contacts_.find(std::span(&given, 1));
    if (!by_id) return by_id.error();
    if (!by_id->empty()) return one.target = given;
    const std::string address(one.address);
    const auto found = bulk_.find_ids(std::span(&address, 1));
    if (!found) return found.error();
    one.target = found->empty() ? uuid{} : found->begin()->second;
    return one.target;
}

} // namespace ctms::service
