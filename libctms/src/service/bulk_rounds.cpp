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
    const auto is_new = [&](const uuid& id) { return id.is_nil() || ids.insert(id).second; };
    bulk_entries round;
    bulk_entries later;
    for (auto& one : pending) {
        const auto& given = one.item->email_id;
        bool is_first = is_new(one.target);
        if (given != one.target) is_first = is_new(given) && is_first;
        // An earlier item may delete the contact that has the address, or give it another one.
        if (one.holder != one.target && one.holder != given) is_first = is_new(one.holder) && is_first;
        if (!one.address.empty()) is_first = addresses.insert(one.address).second && is_first;
        (is_first ? round : later).push_back(std::move(one));
    }
    pending = std::move(later);
    return round;
}

/// Finds the contacts that the items are about, and those that have their addresses. An address is looked up once, unless a round may have
/// changed whose it is.
result<void> bulk_rounds::find_targets(bulk_entries& pending) {
    std::vector<std::string> addresses;
    for (auto& one : pending) {
        one.address = address_of(*one.item);
        one.target = one.item->email_id;
        if (!one.address.empty() && known_.try_emplace(std::string(one.address)).second) addresses.emplace_back(one.address);
    }
    if (!addresses.empty()) {
        auto found = bulk_.find_ids(addresses);
        if (!found) return found.error();
        for (const auto& [address, id] : *found) known_[address] = id;
    }
    std::vector<bulk_entry*> doubtful;
    for (auto& one : pending) {
        one.holder = one.address.empty() ? uuid{} : known_.find(one.address)->second;
        if (one.item->what == json::bulk_operation::create) one.is_taken = !one.holder.is_nil();
        if (one.item->what != json::bulk_operation::upsert) continue;
        one.target = one.holder;
        const auto& given = one.item->email_id;
        if (!one.target.is_nil() && !given.is_nil() && one.target != given) doubtful.push_back(&one);
    }
    return prefer_given_ids(doubtful);
}

/// Decides about upserts whose address belongs to a contact with another id: if a contact with the given id exists, it is that one.
result<void> bulk_rounds::prefer_given_ids(const std::vector<bulk_entry*>& some) {
    if (some.empty()) return {};
    std::vector<uuid> ids;
    for (const auto* one : some) {
        if (exists_.try_emplace(one->item->email_id).second) ids.push_back(one->item->email_id);
    }
    if (!ids.empty()) {
        const auto found = bulk_.find_versions(ids);
        if (!found) return found.error();
        for (const auto& [id, version] : *found) exists_[id] = true;
    }
    for (auto* one : some) {
        if (exists_.at(one->item->email_id)) one->target = one->item->email_id;
    }
    return {};
}

void bulk_rounds::note(bulk_entries& round) {
    std::set<uuid> moved; // contacts whose address may be another one now
    std::set<std::string_view> unsure;
    for (auto& one : round) {
        if (!one.target.is_nil()) one.out->email_id = one.target;
        if (one.out->what != bulk_outcome::changed && one.out->what != bulk_outcome::unchanged) {
            exists_.erase(one.target);
            exists_.erase(one.item->email_id);
        }
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
