// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "list_output.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/changes_json.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/webhooks.hpp>
#include <support/config/duration.hpp>
#include <support/exit_codes.hpp>
#include <support/standard_streams.hpp>
#include <support/start.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace ctms::cli {
namespace {

using model::change_kind;

constexpr std::array all_kinds{change_kind::created, change_kind::updated, change_kind::deleted};

/// Runs `act(webhooks, name)` for the webhook that the operand names.
template <class Act>
int with_webhook(invocation& call, Act act) {
    const auto& name = call.operands.front();
    if (const auto good = service::check_webhook_name(name); !good) return fail(good.error());
    call.note("webhook", name);
    persistence::database db(support::database_options(call.settings));
    return act(service::webhooks(db), name);
}

result<std::set<change_kind>> read_events(const invocation& call) {
    const auto text = call.value("events");
    if (!text) return std::set<change_kind>(all_kinds.begin(), all_kinds.end());
    std::set<change_kind> out;
    for (std::string_view rest = *text;;) {
        const auto word = rest.substr(0, rest.find(','));
        const auto* const known =
            std::find_if(all_kinds.begin(), all_kinds.end(), [&](auto kind) { return json::to_string(kind) == word; });
        if (known == all_kinds.end())
            return malformed(fmt::format("--events takes created, updated and deleted, separated by commas, not '{}'", word));
        out.insert(*known);
        if (word.size() == rest.size()) return out;
        rest.remove_prefix(word.size() + 1);
    }
}

std::string events_text(const std::set<change_kind>& events) {
    std::string out;
    for (const auto kind : events) out += fmt::format("{}{}", out.empty() ? "" : ",", json::to_string(kind));
    return out;
}

std::string_view state_name(const model::webhook& hook) {
    switch (hook.state) {
    case model::webhook_state::enabled: return hook.failures > 0 ? "failing" : "enabled";
    case model::webhook_state::disabled: return "disabled";
    case model::webhook_state::parked: return "parked";
    }
    return "";
}

/// Why it does not deliver; "" if it does.
const std::string& reason_of(const model::webhook& hook) { return hook.reason.empty() ? hook.last_failure : hook.reason; }

std::string time_text(const std::optional<timestamp>& when) { return when ? to_iso(*when) : "-"; }

void add_optional_time(object_writer& writer, std::string_view name, const std::optional<timestamp>& when) {
    when ? writer.add(name, std::string_view(to_iso(*when))) : writer.add_null(name);
}

/// `secret`: "" to leave it out.
std::string to_json(const model::webhook& hook, std::string_view secret = {}) {
    std::string out;
    object_writer writer(out);
    writer.add("name", std::string_view(hook.name));
    writer.add("url", std::string_view(service::webhook_url_for_display(hook.url)));
    if (!secret.empty()) writer.add("secret", secret);
    append_json_array(writer.key("events"), hook.events,
                      [](std::string& to, change_kind kind) { append_json_string(to, json::to_string(kind)); });
    writer.add("include_contact", hook.with_contacts);
    writer.add("allow_http", hook.allow_http);
    writer.add("allow_private_address", hook.allow_private_address);
    writer.add("state", state_name(hook));
    writer.add("reason", std::string_view(reason_of(hook)));
    writer.add("failures", hook.failures);
    writer.add("lag_seconds", static_cast<std::int64_t>(hook.lag.count()));
    add_optional_time(writer, "last_delivery", hook.delivered_at);
    writer.add("next_attempt", std::string_view(to_iso(hook.next_attempt_at)));
    add_optional_time(writer, "old_secret_until", hook.old_secret_until);
    writer.add("created", std::string_view(to_iso(hook.created_at)));
    writer.close();
    return out;
}

void print_secret(const invocation& call, const service::webhook_secret& made) {
    if (call.json) return print_json(to_json(made.webhook, made.secret));
    print_text(fmt::format("webhook: {}\nsecret:  {}\nKeep the secret: it is not shown again.", made.webhook.name, made.secret));
}

/// Prints a sentence, or the webhook as JSON.
int print_state(invocation& call, service::webhooks& webhooks, const std::string& name, const std::string& sentence) {
    if (!call.json) return print_text(sentence), support::ok;
    const auto found = webhooks.find(name);
    if (!found) return fail(found.error());
    return print_json(to_json(*found)), support::ok;
}

/// Returns how long the old secret also signs; 0 without the option.
result<std::chrono::seconds> read_keep_old(const invocation& call) {
    const auto text = call.value("keep-old");
    if (!text) return std::chrono::seconds(0);
    const auto wanted = config::parse_duration(*text);
    if (!wanted || wanted->count() < 1 || *wanted > service::longest_webhook_grace_period)
        return malformed(fmt::format("--keep-old takes a duration from 1 second to 365 days, not '{}'", *text));
    return *wanted;
}

/// Enables webhooks until it fails, and adds the names of those that it has enabled to `retried`.
result<void> retry(service::webhooks& webhooks, const std::vector<std::string>& names, std::vector<std::string>& retried) {
    for (const auto& name : names) {
        if (const auto enabled = webhooks.enable(name); !enabled) return enabled.error();
        retried.push_back(name);
    }
    return {};
}

void print_retried(const invocation& call, const std::vector<std::string>& names) {
    if (!call.json) {
        return print_text(names.empty() ? std::string("No webhook is parked or failing.")
                                        : fmt::format("Retrying {}: everything after the last delivery.", fmt::join(names, ", ")));
    }
    std::string out;
    append_json_array(out, names, [](std::string& to, const std::string& name) { append_json_string(to, name); });
    print_json(out);
}

} // namespace

int webhooks_add(invocation& call) {
    const auto events = read_events(call);
    if (!events) return fail(events.error());
    const auto include = call.value("include");
    if (include && *include != "contact") return fail(malformed(fmt::format("--include can only be contact, not '{}'", *include)));
    persistence::database db(support::database_options(call.settings));
    const auto added = service::webhooks(db).add({.url = call.operands.front(),
                                                  .name = call.value("name").value_or(""),
                                                  .events = *events,
                                                  .with_contacts = include.has_value(),
                                                  .allow_http = call.has("allow-http"),
                                                  .allow_private_address = call.has("allow-private-address")});
    if (!added) return fail(added.error());
    const auto& name = added->webhook.name;
    call.note("webhook", name);
    call.note("events", events_text(*events));
    call.note("include_contact", include ? "true" : "false");
    call.advice_without_output =
        fmt::format("the secret of '{0}' is stored but was not shown: make another one with ctms-admin webhooks rotate-secret {0}", name);
    print_secret(call, *added);
    if (!call.json) print_text(fmt::format("Send a first message with: ctms-admin webhooks test {}", name));
    return support::ok;
}

int webhooks_list(invocation& call) {
    persistence::database db(support::database_options(call.settings));
    return print_list(
        call, service::webhooks(db).list(), {"WEBHOOK", "STATE", "LAG", "LAST DELIVERY", "URL", "REASON"},
        [](std::string& to, const model::webhook& hook) { to += to_json(hook); },
        [](const model::webhook& hook) -> std::vector<std::string> {
            return {hook.name,
                    std::string(state_name(hook)),
                    fmt::format("{} s", hook.lag.count()),
                    time_text(hook.delivered_at),
                    service::webhook_url_for_display(hook.url),
                    reason_of(hook)};
        });
}

int webhooks_show(invocation& call) {
    return with_webhook(call, [&](service::webhooks webhooks, const std::string& name) -> int {
        const auto found = webhooks.find(name);
        if (!found) return fail(found.error());
        const auto& hook = *found;
        if (call.json) return print_json(to_json(hook)), support::ok;
        const auto yes_no = [](bool value) { return std::string(value ? "yes" : "no"); };
        print_table({"WEBHOOK", hook.name}, {{"URL", service::webhook_url_for_display(hook.url)},
                                             {"EVENTS", events_text(hook.events)},
                                             {"CONTACTS", yes_no(hook.with_contacts)},
                                             {"HTTP", yes_no(hook.allow_http)},
                                             {"PRIVATE ADDRESS", yes_no(hook.allow_private_address)},
                                             {"STATE", std::string(state_name(hook))},
                                             {"REASON", reason_of(hook).empty() ? "-" : reason_of(hook)},
                                             {"FAILURES", fmt::to_string(hook.failures)},
                                             {"LAG", fmt::format("{} s", hook.lag.count())},
                                             {"LAST DELIVERY", time_text(hook.delivered_at)},
                                             {"NEXT ATTEMPT", to_iso(hook.next_attempt_at)},
                                             {"OLD SECRET", hook.old_secret_until ? "signs until " + to_iso(*hook.old_secret_until) : "-"},
                                             {"CREATED", to_iso(hook.created_at)}});
        return support::ok;
    });
}

int webhooks_test(invocation& call) {
    return with_webhook(call, [&](service::webhooks webhooks, const std::string& name) -> int {
        const auto done = webhooks.test(name, call.settings.webhook_timeout);
        if (!done) return fail(done.error());
        if (call.json) {
            std::string out;
            object_writer writer(out);
            writer.add("name", std::string_view(name));
            writer.add("delivered", done->delivered);
            writer.add("result", std::string_view(done->text));
            writer.close();
            print_json(out);
        } else {
            print_text(fmt::format("{}: {}.", done->delivered ? "Delivered" : "Not delivered", done->text));
        }
        return done->delivered ? support::ok : support::failed;
    });
}

int webhooks_disable(invocation& call) {
    return with_webhook(call, [&](service::webhooks webhooks, const std::string& name) -> int {
        if (const auto changed = webhooks.disable(name); !changed) return fail(changed.error());
        return print_state(call, webhooks, name, fmt::format("Disabled '{}'. It keeps its place in the feed of changes.", name));
    });
}

int webhooks_enable(invocation& call) {
    return with_webhook(call, [&](service::webhooks webhooks, const std::string& name) -> int {
        const bool from_now = call.has("from-now");
        call.note("from_now", from_now ? "true" : "false");
        if (const auto changed = webhooks.enable(name, from_now); !changed) return fail(changed.error());
        return print_state(call, webhooks, name,
                           from_now ? fmt::format("Enabled '{}'. It sends changes from now on.", name)
                                    : fmt::format("Enabled '{}'. It sends everything after its last delivery.", name));
    });
}

int webhooks_retry(invocation& call) {
    if (call.operands.empty() != call.has("all")) return fail_usage("retry takes the names of webhooks, or --all", "webhooks");
    for (const auto& name : call.operands) {
        if (const auto good = service::check_webhook_name(name); !good) return fail(good.error());
    }
    persistence::database db(support::database_options(call.settings));
    service::webhooks webhooks(db);
    std::vector<std::string> retried;
    const auto done = call.has("all") ? webhooks.retry_all(retried) : retry(webhooks, call.operands, retried);
    call.note("webhooks", fmt::format("{}", fmt::join(retried, ",")));
    if (done || !retried.empty()) print_retried(call, retried);
    return done ? support::ok : fail(done.error());
}

int webhooks_rotate_secret(invocation& call) {
    const auto keep_old = read_keep_old(call);
    if (!keep_old) return fail(keep_old.error());
    return with_webhook(call, [&](service::webhooks webhooks, const std::string& name) -> int {
        call.note("keep_old_seconds", keep_old->count());
        bool is_written = false;
        const bool end_grace = call.has("end-grace");
        call.note("end_grace", end_grace ? "true" : "false");
        call.advice_without_output = fmt::format("the old secret of '{}' stays valid: nothing was changed", name);
        const auto print = [&](const service::webhook_secret& secret) {
            print_secret(call, secret);
            return is_written = *support::flush_output() == '\0';
        };
        const auto made = webhooks.rotate_secret(name, *keep_old, print, end_grace);
        if (!made && made.error().code == errc::conflict && !is_written) {
            complain("use --end-grace if receivers have the secret of the last rotation, or if both must stop signing");
            return fail(made.error());
        }
        if (!made && !is_written) return *support::flush_output() == '\0' ? fail(made.error()) : support::ok; // the caller reports it
        if (!made) {
            complain("the new secret was not stored: do not use the one that was printed, unless the outcome is unknown");
            return fail(made.error());
        }
        call.advice_without_output.clear();
        if (call.json) return support::ok;
        print_text(made->webhook.old_secret_until ? "Old secret: also signs until " + to_iso(*made->webhook.old_secret_until) + "."
                                                  : "The old secret does not sign any more.");
        return support::ok;
    });
}

int webhooks_delete(invocation& call) {
    return with_webhook(call, [&](service::webhooks webhooks, const std::string& name) -> int {
        if (!call.has("yes") && !confirm(fmt::format("Delete the webhook '{}' permanently?", name))) {
            complain("nothing was deleted; answer y or use --yes");
            return support::failed;
        }
        if (const auto removed = webhooks.remove(name); !removed) return fail(removed.error());
        if (call.json) {
            std::string out;
            object_writer writer(out);
            writer.add("name", std::string_view(name));
            writer.add("deleted", true);
            writer.close();
            return print_json(out), support::ok;
        }
        print_text(fmt::format("Deleted '{}'.", name));
        return support::ok;
    });
}

} // namespace ctms::cli
