// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/webhooks.hpp>

#include <auth/webhook_signature.hpp>
#include <persistence/contacts/change_feed.hpp>
#include <persistence/webhooks/webhook_repository.hpp>
#include <webhook/messages.hpp>
#include <webhook/sender.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace ctms::service {
namespace {

using persistence::webhook_repository;

/// "hooks.example.com" of "https://hooks.example.com:8443/path".
std::string host_of(std::string_view url) {
    url.remove_prefix(std::min(url.find("://") + 3, url.size()));
    return std::string(url.substr(0, url.find_first_of(":/?")));
}

error still_signs(const model::webhook& hook) {
    return conflict(
        fmt::format("the secret of '{}' was rotated recently, and its previous secret is valid until {}. Rotating again would end that"
                    " secret at once, although receivers may still use it. Nothing was changed. Wait until then, or end the grace period",
                    hook.name, to_iso(*hook.old_secret_until)));
}

} // namespace

result<void> check_webhook_name(std::string_view name) {
    constexpr std::string_view allowed = "-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    constexpr std::size_t longest = 64;
    if (!name.empty() && name.size() <= longest && name.find_first_not_of(allowed) == std::string_view::npos) return {};
    return invalid(fmt::format("the name of a webhook has 1 to {} characters, which are letters, digits and - _ .", longest));
}

result<webhook_secret> webhooks::add(const new_webhook& wanted) {
    model::webhook made;
    made.url = wanted.url;
    made.events = wanted.events;
    made.with_contacts = wanted.with_contacts;
    made.allow_http = wanted.allow_http;
    made.allow_private_address = wanted.allow_private_address;
    if (auto good = webhook::check_url(made); !good) return good.error();
    made.name = wanted.name.empty() ? host_of(wanted.url) : wanted.name;
    if (auto good = check_webhook_name(made.name); !good) return good.error();
    if (made.events.empty()) return invalid("a webhook needs at least one kind of changes: created, updated or deleted");
    const auto end = persistence::change_feed(db_).end();
    if (!end) return end.error();
    made.id = uuid::random();
    made.after = end->last;
    made.cluster = end->cluster;
    made.created_at = now();
    made.next_attempt_at = made.created_at;
    webhook_secret out{std::move(made), auth::make_webhook_secret()};
    if (auto added = webhook_repository(db_).add(out.webhook, out.secret, most_webhooks); !added) return added.error();
    return out;
}

result<std::vector<model::webhook>> webhooks::list() { return webhook_repository(db_).list(); }

result<model::webhook> webhooks::find(std::string_view name) {
    auto found = webhook_repository(db_).find(name);
    if (!found) return found.error();
    return std::move(found->webhook);
}

result<webhook_test> webhooks::test(std::string_view name, std::chrono::milliseconds timeout) {
    const auto found = webhook_repository(db_).find(name);
    if (!found) return found.error();
    if (auto good = webhook::check_url(found->webhook); !good) return good.error();
    const auto body = webhook::test_message(found->webhook.name, now());
    const auto id = auth::webhook_message_id(found->webhook.id.to_string(), body);
    const auto done = webhook::sender(found->webhook, timeout).send(id, body, found->secrets);
    return webhook_test{done.what == webhook::outcome_kind::delivered, done.text};
}

result<void> webhooks::disable(std::string_view name) { return webhook_repository(db_).disable(name, "disabled by an operator"); }

result<void> webhooks::enable(std::string_view name, bool from_now) {
    const auto end = persistence::change_feed(db_).end();
    if (!end) return end.error();
    return webhook_repository(db_).enable(name, end->cluster, from_now ? std::optional(end->last) : std::nullopt);
}

result<void> webhooks::retry_all(std::vector<std::string>& retried) {
    const auto all = list();
    if (!all) return all.error();
    for (const auto& one : *all) {
        const bool failing = one.state == model::webhook_state::enabled && one.failures > 0;
        if (!failing && one.state != model::webhook_state::parked) continue;
        const auto enabled = enable(one.name);
        if (!enabled && enabled.error().code != errc::not_found) return enabled.error();
        if (enabled) retried.push_back(one.name);
    }
    return {};
}

result<webhook_secret> webhooks::rotate_secret(std::string_view name, std::chrono::seconds grace_period,
                                               const std::function<bool(const webhook_secret&)>& deliver, bool end_grace) {
    if (grace_period < grace_period.zero() || grace_period > longest_webhook_grace_period)
        return invalid("the grace period must be from 0 seconds to 365 days");
    auto found = webhook_repository(db_).find(name);
    if (!found) return found.error();
    if (found->webhook.old_secret_until && !end_grace) return still_signs(found->webhook);
    webhook_secret out{std::move(found->webhook), auth::make_webhook_secret()};
    out.webhook.old_secret_until = grace_period.count() == 0 ? std::nullopt : std::optional<timestamp>(found->read_at + grace_period);
    if (deliver && !deliver(out)) return unavailable("the new secret was not delivered, and the old one stays valid");
    if (const auto changed = webhook_repository(db_).set_secret(name, out.secret, out.webhook.old_secret_until, end_grace); !changed) {
        const auto meanwhile = find(name);
        return meanwhile && meanwhile->old_secret_until && !end_grace ? still_signs(*meanwhile) : changed.error();
    }
    return out;
}

result<void> webhooks::remove(std::string_view name) { return webhook_repository(db_).remove(name); }

std::string webhook_url_for_display(std::string_view url) {
    const auto query = url.find('?');
    return query == std::string_view::npos ? std::string(url) : std::string(url.substr(0, query)) + "?...";
}

} // namespace ctms::service
