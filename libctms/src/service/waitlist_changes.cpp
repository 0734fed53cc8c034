// SPDX-License-Identifier: MPL-2.0
#include "waitlist_changes.hpp"

#include <ctms/base/json_text.hpp>

#include <algorithm>
#include <string_view>

namespace ctms::service {
namespace {

constexpr std::string_view waitlist_suffix = "-waitlist";

bool is_relay(const model::waitlist& waitlist) { return waitlist.name.starts_with("relay"); }

/// The waitlist that a newsletter of the older form represents; "" for other newsletters.
std::string waitlist_of(const std::string& newsletter) {
    if (!newsletter.ends_with(waitlist_suffix)) return {};
    if (newsletter == "guardian-vpn-waitlist") return "vpn";
    return newsletter.substr(0, newsletter.size() - waitlist_suffix.size());
}

std::string fields_json(std::initializer_list<std::pair<std::string_view, const model::text*>> members) {
    std::string out;
    object_writer writer(out);
    for (const auto& [name, value] : members) writer.add_optional(name, *value);
    writer.close();
    return out;
}

/// The older form sets all of a waitlist, so a stored source is removed.
model::partial<model::waitlist> older_waitlist(std::string name, std::string fields) {
    return model::partial<model::waitlist>::whole({std::move(name), std::nullopt, std::move(fields), true});
}

void leave_all(const std::vector<model::waitlist>& stored, waitlist_changes& changes) {
    for (const auto& waitlist : stored) changes.leave.push_back(waitlist.name);
}

void leave_unsubscribed(const std::vector<model::partial<model::newsletter>>& newsletters, waitlist_changes& changes) {
    for (const auto& item : newsletters) {
        const auto& newsletter = item.value();
        if (auto name = waitlist_of(newsletter.name); !newsletter.subscribed && !name.empty()) changes.leave.push_back(std::move(name));
    }
}

error country_missing() {
    return invalid_fields(
        {{{std::string("body"), std::string("vpn_waitlist"), std::string("geo")}, "field required", "value_error.missing", {}}});
}

result<void> apply_vpn(const model::older_field<model::vpn_waitlist>& vpn, waitlist_changes& changes) {
    if (!vpn.given()) return {};
    if (!vpn.value() || *vpn.value() == model::vpn_waitlist{}) { // the latter is how GET shows a contact that is not on the waitlist
        changes.leave.emplace_back("vpn");
        return {};
    }
    if (!vpn.value()->geo) return country_missing();
    changes.join.push_back(older_waitlist("vpn", fields_json({{"geo", &vpn.value()->geo}, {"platform", &vpn.value()->platform}})));
    return {};
}

void apply_relay(const model::older_field<model::relay_waitlist>& relay, const std::vector<model::partial<model::newsletter>>& newsletters,
                 const std::vector<model::waitlist>& stored, waitlist_changes& changes) {
    if (!relay.given()) return;
    if (!relay.value() || *relay.value() == model::relay_waitlist{}) {
        for (const auto& waitlist : stored) {
            if (is_relay(waitlist)) changes.leave.push_back(waitlist.name);
        }
        return;
    }
    const auto fields = fields_json({{"geo", &relay.value()->geo}});
    bool named = false;
    for (const auto& item : newsletters) {
        const auto& newsletter = item.value();
        if (!newsletter.name.starts_with("relay-")) continue;
        named = true;
        const auto name = waitlist_of(newsletter.name);
        if (newsletter.subscribed) changes.join.push_back(older_waitlist(name.empty() ? newsletter.name : name, fields));
    }
    if (named) return;
    const auto before = changes.join.size();
    for (const auto& waitlist : stored) {
        if (is_relay(waitlist)) changes.join.push_back(older_waitlist(waitlist.name, fields));
    }
    if (changes.join.size() == before) changes.join.push_back(older_waitlist("relay", fields));
}

} // namespace

result<waitlist_changes> changes_of(const waitlist_request& request, const std::vector<model::waitlist>& stored) {
    waitlist_changes changes;
    if (request.unsubscribe_waitlists) leave_all(stored, changes);
    for (const auto& item : request.waitlists) {
        if (item.value().subscribed) {
            changes.join.push_back(item);
        } else {
            changes.leave.push_back(item.value().name);
        }
    }
    if (request.unsubscribe_waitlists || !request.waitlists.empty()) return changes;
    if (request.unsubscribe_newsletters) leave_all(stored, changes);
    leave_unsubscribed(request.newsletters, changes);
    if (auto applied = apply_vpn(request.vpn, changes); !applied) return applied.error();
    apply_relay(request.relay, request.newsletters, stored, changes);
    return changes;
}

} // namespace ctms::service
