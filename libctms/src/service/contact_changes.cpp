// SPDX-License-Identifier: MPL-2.0
#include "contact_changes.hpp"

#include "waitlist_changes.hpp"

#include <base/name_index.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/json/contact_json.hpp>
#include <json/dumped_contact.hpp>
#include <persistence/postgres/pool.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace ctms::service {
namespace {

void sort_by_name(auto& list) {
    std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

template <class T>
std::vector<model::partial<T>> whole(const std::vector<T>& items) {
    std::vector<model::partial<T>> out;
    for (const auto& item : items) out.push_back(model::partial<T>::whole(item));
    return out;
}

/// Adds an error for each duplicate name in a list, located at the duplicate.
void find_duplicates(const auto& list, const char* list_name, std::vector<field_error>& broken) {
    std::set<std::string_view> names;
    for (std::size_t index = 0; index < list.size(); ++index) {
        if (names.insert(list[index].name).second) continue;
        broken.push_back(
            {{std::string("body"), std::string(list_name), index, std::string("name")}, "duplicate name", "value_error.duplicate", {}});
    }
}

result<void> check_names_once(const model::contact_input& input) {
    std::vector<field_error> broken;
    find_duplicates(input.newsletters, "newsletters", broken);
    find_duplicates(input.waitlists, "waitlists", broken);
    if (broken.empty()) return {};
    return invalid_fields(std::move(broken));
}

error name_taken(const char* list_name) { return conflict_of({list_name}); }

void apply_to(std::vector<model::waitlist>& stored, const waitlist_changes& changes) {
    const std::set<std::string_view> leaving(changes.leave.begin(), changes.leave.end());
    std::erase_if(stored, [&](const auto& waitlist) { return leaving.contains(waitlist.name); });
    const name_index known(stored);
    std::vector<model::waitlist> added;
    std::map<std::string_view, std::size_t> places; // in `added`
    for (const auto& joined : changes.join) {
        const std::string_view name = joined.value().name;
        if (auto* one = known.find(name)) {
            json::apply(joined, *one);
        } else if (const auto [place, is_new] = places.try_emplace(name, added.size()); is_new) {
            added.push_back(joined.value());
        } else {
            json::apply(joined, added[place->second]);
        }
    }
    stored.insert(stored.end(), added.begin(), added.end());
    sort_by_name(stored);
}

/// Whether a waitlist that is not stored yet is joined twice, and so would be inserted twice.
bool joins_twice(const waitlist_changes& changes, const std::vector<model::waitlist>& stored) {
    const name_index known(stored);
    std::set<std::string_view> names;
    return std::any_of(changes.join.begin(), changes.join.end(), [&](const auto& joined) {
        return known.find(joined.value().name) == nullptr && !names.insert(joined.value().name).second;
    });
}

template <class Group>
bool patch_group(const model::group_patch<Group>& patch, std::optional<Group>& group) {
    if (patch.removes()) group.reset();
    if (!patch.sets_fields()) return false;
    auto changed = group.value_or(Group{});
    json::apply<Group>(patch, changed);
    group = json::is_default(changed) ? std::nullopt : std::optional(std::move(changed));
    return group.has_value();
}

/// Changes stored newsletters in the order sent, and adds new ones if they are subscribed. Returns false if a new name is repeated.
bool patch_newsletters(const model::list_patch<model::newsletter>& patch, std::vector<model::newsletter>& stored) {
    if (patch.unsubscribes_all()) {
        for (auto& newsletter : stored) newsletter.subscribed = false;
    }
    const name_index known(stored);
    std::vector<model::newsletter> added;
    std::set<std::string_view> names; // of `added`
    for (const auto& item : patch.items()) {
        if (auto* one = known.find(item.value().name)) {
            json::apply(item, *one);
        } else if (item.value().subscribed) {
            if (!names.insert(item.value().name).second) return false;
            added.push_back(item.value());
        }
    }
    stored.insert(stored.end(), added.begin(), added.end());
    sort_by_name(stored);
    return true;
}

model::email without_times(model::email email) {
    email.create_timestamp = email.update_timestamp = std::nullopt;
    return email;
}
std::optional<model::amo> without_times(std::optional<model::amo> amo) {
    if (amo) amo->create_timestamp = amo->update_timestamp = std::nullopt;
    return amo;
}

bool same_waitlist(const model::waitlist& a, const model::waitlist& b) {
    return a.name == b.name && a.source == b.source && json::same_object(a.fields, b.fields);
}

} // namespace

bool same_content(const model::contact& a, const model::contact& b) {
    return without_times(a.email) == without_times(b.email) && without_times(a.amo) == without_times(b.amo) && a.fxa == b.fxa &&
           a.mofo == b.mofo && a.newsletters == b.newsletters &&
           std::equal(a.waitlists.begin(), a.waitlists.end(), b.waitlists.begin(), b.waitlists.end(), same_waitlist);
}

result<model::contact> new_contact(const model::contact_input& input) {
    const auto changes = changes_of({whole(input.waitlists), whole(input.newsletters), false, false, input.vpn, input.relay}, {});
    if (!changes) return changes.error();
    model::contact out{input.amo, input.email, input.fxa, input.mofo, input.newsletters, {}};
    for (const auto& joined : changes->join) out.waitlists.push_back(joined.value());
    if (out.email.email_id.is_nil()) out.email.email_id = uuid::random();
    sort_by_name(out.newsletters);
    sort_by_name(out.waitlists);
    return out;
}

result<persistence::contact_change> replaced(const model::contact_input& input, const std::optional<model::contact>& stored) {
    if (const auto once = check_names_once(input); !once) return once.error();
    model::contact after{input.amo, input.email, input.fxa, input.mofo, input.newsletters, {}};
    auto vpn = input.vpn;
    auto relay = input.relay;
    if (!vpn.given()) vpn.leave(); // a missing member counts as null
    if (!relay.given()) relay.leave();
    if (stored) {
        after.waitlists = stored->waitlists;
        after.email.create_timestamp = stored->email.create_timestamp;
        if (after.amo && stored->amo) after.amo->create_timestamp = stored->amo->create_timestamp;
    }
    const auto changes = changes_of({whole(input.waitlists), whole(input.newsletters), false, false, vpn, relay}, after.waitlists);
    if (!changes) return changes.error();
    apply_to(after.waitlists, *changes);
    sort_by_name(after.newsletters);
    return persistence::contact_change{std::move(after), true, true, true};
}

result<persistence::contact_change> patched(const model::contact_patch& patch, const model::contact& stored) {
    const auto changes = changes_of({patch.waitlists.items(), patch.newsletters.items(), patch.waitlists.unsubscribes_all(),
                                     patch.newsletters.unsubscribes_all(), patch.vpn, patch.relay},
                                    stored.waitlists);
    if (!changes) return changes.error();
    if (joins_twice(*changes, stored.waitlists)) return name_taken("waitlists");
    persistence::contact_change out{stored};
    json::apply(patch.email, out.after.email);
    out.after.email.email_id = stored.email.email_id; // the patch may contain the same id, or null
    out.touch_amo = patch_group(patch.amo, out.after.amo);
    if (out.after.amo && stored.amo) out.after.amo->create_timestamp = stored.amo->create_timestamp; // its row stays
    out.touch_fxa = patch_group(patch.fxa, out.after.fxa);
    out.touch_mofo = patch_group(patch.mofo, out.after.mofo);
    if (!patch_newsletters(patch.newsletters, out.after.newsletters)) return name_taken("newsletters");
    apply_to(out.after.waitlists, *changes);
    return out;
}

bool keep_opt_outs(const model::contact& stored, model::contact& after) {
    if (!json::opt_outs_of(stored).are_cleared_by(json::opt_outs_of(after))) return false;
    after.email.has_opted_out_of_email = after.email.has_opted_out_of_email || stored.email.has_opted_out_of_email;
    const name_index newsletters(after.newsletters);
    for (const auto& before : stored.newsletters) {
        if (before.subscribed) continue;
        if (auto* now = newsletters.find(before.name)) now->subscribed = false;
    }
    return true;
}

persistence::change_function replacement(const model::contact_input& input, const precondition& only_if) {
    return [&](const std::optional<model::contact>& stored) -> result<persistence::contact_change> {
        if (const auto met = only_if.check(stored ? &*stored : nullptr); !met) return met.error();
        return replaced(input, stored);
    };
}

persistence::change_function patching(const model::contact_patch& patch, const precondition& only_if) {
    return [&](const std::optional<model::contact>& stored) -> result<persistence::contact_change> {
        if (!stored) return unknown_id();
        if (const auto met = only_if.check(&*stored); !met) return met.error();
        return patched(patch, *stored);
    };
}

persistence::removal_check removal_if(const precondition& only_if) {
    if (only_if.is_empty()) return {};
    return [&](std::span<const model::contact> found) -> result<void> {
        for (const auto& one : found) {
            const auto met = only_if.check(&one);
            if (met) continue;
            auto unmet = met.error();
            if (found.size() > 1) unmet.detail.clear(); // several contacts have no tag together
            return unmet;
        }
        return {};
    };
}

result<void> check_replacement(const uuid& email_id, const model::contact_input& input) {
    if (input.email.email_id == email_id && !email_id.is_nil()) return {};
    return invalid("email_id in path must match email_id in contact");
}

result<void> check_patch(const uuid& email_id, const model::contact_patch& patch) {
    const auto& named = patch.email.value().email_id;
    if (named.is_nil() || named == email_id) return {};
    return invalid("cannot change email_id");
}

result<created_contact> settle_creation(const std::function<result<model::contact>(const uuid&)>& find, error failure,
                                        const model::contact& wanted) {
    if (failure.code != errc::conflict) return failure;
    if (std::find(failure.conflicts.begin(), failure.conflicts.end(), "email_id") != failure.conflicts.end()) {
        auto existing = find(wanted.email.email_id);
        if (!existing && existing.error().code != errc::not_found) return existing.error();
        if (existing && same_content(*existing, wanted)) return created_contact{std::move(*existing), true};
    }
    failure.message = conflict_of_creation;
    return failure;
}

result<model::contact> with_message(result<model::contact> outcome, std::string_view conflict) {
    if (!outcome && outcome.error().code == errc::conflict && !unmet_precondition(outcome.error())) {
        auto failure = outcome.error();
        failure.message = conflict;
        return failure;
    }
    return outcome;
}

result<void> outcome_of_removal(const model::bulk_outcome& one) {
    if (one.held > 0) return conflict(persistence::told_of_hold);
    return one.changed > 0 ? result<void>() : result<void>(unknown_id());
}

error unknown_id() { return not_found("Unknown email_id"); }

error unknown_address(const std::string& primary_email) { return not_found("email " + valid_utf8(primary_email) + " not found!"); }

} // namespace ctms::service
