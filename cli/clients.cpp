// SPDX-License-Identifier: MPL-2.0
#include "client_limits.hpp"
#include "commands.hpp"
#include "list_output.hpp"
#include "output.hpp"

#include <ctms/base/address_text.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/api_clients.hpp>
#include <support/config/duration.hpp>
#include <support/exit_codes.hpp>
#include <support/standard_streams.hpp>
#include <support/start.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace ctms::cli {
namespace {

/// Runs `act(clients, client_id)` for the client that the operand names.
template <class Act>
int with_client(invocation& call, Act act) {
    const auto id = service::client_id_of(call.operands.front());
    if (!id) return fail(id.error());
    call.note("client_id", *id);
    persistence::database db(support::database_options(call.settings));
    return act(service::api_clients(db), *id);
}

error not_an_address() { return invalid("this is not an email address: give one such as basket-team@example.com"); }

using role_set = std::optional<std::set<model::role>>;

result<role_set> read_roles(const invocation& call) { return service::roles_of(call.all_values("role")); }

std::vector<std::string_view> names_of(const std::set<model::role>& roles) {
    std::vector<std::string_view> out;
    for (const auto one : roles) out.push_back(to_string(one));
    return out;
}

std::string roles_text(const role_set& roles) { return roles ? fmt::format("{}", fmt::join(names_of(*roles), ", ")) : "all"; }

void add_old_secrets(object_writer& writer, const std::vector<model::old_secret>& kept) {
    append_json_array(writer.key("old_secrets_valid_until"), kept,
                      [](std::string& to, const auto& one) { append_json_string(to, to_iso(one.valid_until)); });
}

/// `old_secrets`: the replaced secrets that are still valid; null to leave them out.
std::string to_json(const model::api_client& client, const std::vector<model::old_secret>* old_secrets = nullptr) {
    std::string out;
    object_writer writer(out);
    writer.add("client_id", std::string_view(client.client_id));
    writer.add("email", std::string_view(client.email));
    writer.add("enabled", client.enabled);
    if (client.roles) {
        append_json_array(writer.key("roles"), names_of(*client.roles), append_json_string);
    } else {
        writer.add_null("roles");
    }
    writer.add("require_if_match", client.must_have_precondition);
    add_limits(writer, client.limits);
    if (client.last_used) {
        writer.add("last_used_at", std::string_view(to_iso(*client.last_used)));
    } else {
        writer.add_null("last_used_at");
    }
    if (old_secrets != nullptr) add_old_secrets(writer, *old_secrets);
    writer.close();
    return out;
}

/// "valid until 2026-01-02T03:04:05+00:00", for each secret
std::string old_secrets_text(const std::vector<model::old_secret>& kept) {
    std::string out;
    for (const auto& one : kept) out += fmt::format("{}valid until {}", out.empty() ? "" : ", ", to_iso(one.valid_until));
    return out.empty() ? "-" : out;
}

/// Returns how long the old secret stays valid; 0 without the option.
result<std::chrono::seconds> read_keep_old(const invocation& call) {
    const auto text = call.value("keep-old");
    if (!text) return std::chrono::seconds(0);
    const auto wanted = config::parse_duration(*text);
    if (!wanted || wanted->count() < 1 || *wanted > service::longest_grace_period)
        return malformed(fmt::format("--keep-old takes a duration from 1 second to 365 days, not '{}'", *text));
    return *wanted;
}

std::string time_text(const std::optional<timestamp>& when) { return when ? to_iso(*when) : "-"; }

/// Prints commands that work without changes, for a first try: those that the client's roles allow.
void print_curl_commands(const config::settings& settings, const model::api_client& client, const std::string& secret) {
    const auto& url = settings.server_prefix;
    const auto id = uuid::random().to_string();
    const auto address = fmt::format("jane-{}@example.com", id.substr(0, 8));
    fmt::print("\nTry it:\n\n"
               "TOKEN=$(curl -sS {}/token -d grant_type=client_credentials -d client_id={} -d client_secret={} "
               "| sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n",
               url, client.client_id, secret);
    const auto get = [&](const std::string& target) {
        fmt::print("curl -sS '{}{}' -H \"Authorization: Bearer $TOKEN\"; echo\n", url, target);
    };
    const bool writes = client.may(model::role::write);
    if (writes) {
        fmt::print("curl -sS {}/ctms -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
                   "-d '{{\"email\":{{\"email_id\":\"{}\",\"primary_email\":\"{}\"}},\"newsletters\":[{{\"name\":\"hubs\"}}]}}'; echo\n",
                   url, id, address);
    }
    if (client.may(model::role::read)) get(writes ? "/ctms/" + id : "/ctms?primary_email=" + address);
    if (client.may(model::role::updates)) get(fmt::format("/updates?limit=1&start={}T00:00:00Z", to_iso(now()).substr(0, 10)));
}

/// `old_secrets`: the replaced secrets that are still valid; null for a new client.
void print_secret(const invocation& call, const service::client_secret& made, const std::vector<model::old_secret>* old_secrets = nullptr) {
    const auto& [client, secret] = made;
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("client_id", std::string_view(client.client_id));
        writer.add("client_secret", std::string_view(secret));
        writer.add("email", std::string_view(client.email));
        writer.add("enabled", client.enabled);
        if (old_secrets != nullptr) add_old_secrets(writer, *old_secrets);
        writer.close();
        print_json(out);
        return;
    }
    print_text(fmt::format("client_id:     {}\nclient_secret: {}\nKeep the secret: it is not shown again.", client.client_id, secret));
}

/// The old secrets that will be valid after a rotation, the longest valid first.
std::vector<model::old_secret> kept_after_rotation(std::vector<model::old_secret> kept, std::chrono::seconds grace_period) {
    if (grace_period.count() == 0) return {};
    kept.push_back({{}, now() + grace_period});
    std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.valid_until > b.valid_until; });
    return kept;
}

void print_done(const std::string& client_id, std::string_view what, bool value) {
    std::string out;
    object_writer writer(out);
    writer.add("client_id", std::string_view(client_id));
    writer.add(what, value);
    writer.close();
    print_json(out);
}

int set_enabled(invocation& call, bool enabled) {
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        const auto changed = clients.set_enabled(id, enabled);
        if (!changed) return fail(changed.error());
        if (call.json) return print_done(id, "enabled", enabled), support::ok;
        print_text(fmt::format("{} '{}'.", enabled ? "Enabled" : "Disabled", id));
        return support::ok;
    });
}

} // namespace

int clients_create(invocation& call) {
    const auto roles = read_roles(call);
    if (!roles) return fail(roles.error());
    if (!can_be_address(call.value("email").value())) return fail(not_an_address());
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        call.note("roles", roles_text(*roles));
        const auto created =
            clients.create({.name = id, .email = call.value("email").value(), .enabled = !call.has("disabled"), .roles = *roles});
        if (!created) return fail(created.error());
        call.advice_without_output =
            fmt::format("the secret of '{0}' is stored but was not shown: make another one with ctms-admin clients rotate-secret {0}", id);
        print_secret(call, *created);
        if (!call.json && created->client.enabled) print_curl_commands(call.settings, created->client, created->secret);
        return support::ok;
    });
}

int clients_list(invocation& call) {
    persistence::database db(support::database_options(call.settings));
    return print_list(
        call, service::api_clients(db).list(), {"CLIENT", "EMAIL", "ENABLED", "ROLES", "CREATED", "LAST USED"},
        [](std::string& to, const model::api_client& client) { to += to_json(client); },
        [](const model::api_client& client) -> std::vector<std::string> {
            return {client.client_id,
                    client.email,
                    client.enabled ? "yes" : "no",
                    roles_text(client.roles),
                    time_text(client.create_timestamp),
                    time_text(client.last_used)};
        });
}

int clients_show(invocation& call) {
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        const auto found = clients.find(id);
        if (!found) return fail(found.error());
        const auto& [client, old_secrets] = *found;
        if (call.json) return print_json(to_json(client, &old_secrets)), support::ok;
        print_table({"CLIENT", client.client_id}, {{"EMAIL", client.email},
                                                   {"ENABLED", client.enabled ? "yes" : "no"},
                                                   {"ROLES", roles_text(client.roles)},
                                                   {"REQUIRES IF-MATCH", client.must_have_precondition ? "yes" : "no"},
                                                   {"LIMITS", limits_text(client.limits)},
                                                   {"OLD SECRET", old_secrets_text(old_secrets)},
                                                   {"CREATED", time_text(client.create_timestamp)},
                                                   {"UPDATED", time_text(client.update_timestamp)},
                                                   {"LAST USED", time_text(client.last_used)}});
        return support::ok;
    });
}

int clients_enable(invocation& call) { return set_enabled(call, true); }
int clients_disable(invocation& call) { return set_enabled(call, false); }

int clients_set_roles(invocation& call) {
    const auto roles = read_roles(call);
    if (!roles) return fail(roles.error());
    if (roles->has_value() == call.has("all")) return fail_usage("set-roles takes --role once per role, or --all", "clients");
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        const auto text = roles_text(*roles);
        call.note("roles", text);
        const auto changed = clients.set_roles(id, *roles);
        if (!changed) return fail(changed.error());
        if (call.json) {
            const auto found = clients.find(id);
            if (!found) return fail(found.error());
            return print_json(to_json(found->client)), support::ok;
        }
        print_text(fmt::format("Roles of '{}': {}.", id, text));
        return support::ok;
    });
}

int clients_set_rules(invocation& call) {
    const auto wanted = call.value("require-if-match").value();
    const bool must = wanted == "true";
    if (!must && wanted != "false") return fail(malformed(fmt::format("--require-if-match takes true or false, not '{}'", wanted)));
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        call.note("require_if_match", wanted);
        const auto changed = clients.set_must_have_precondition(id, must);
        if (!changed) return fail(changed.error());
        if (call.json) {
            const auto found = clients.find(id);
            if (!found) return fail(found.error());
            return print_json(to_json(found->client)), support::ok;
        }
        print_text(fmt::format("'{}' {} send If-Match with changes of contacts.", id, must ? "must" : "need not"));
        return support::ok;
    });
}

int clients_set_limit(invocation& call) {
    const auto limits = read_limits(call);
    if (!limits) return fail(limits.error());
    const bool is_empty = *limits == model::client_limits{};
    if (is_empty != call.has("none"))
        return fail_usage("set-limit takes --rate with or without --burst, --concurrency, or both; or --none", "clients");
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        const auto text = limits_text(*limits);
        call.note("limits", text);
        const auto changed = clients.set_limits(id, *limits);
        if (!changed) return fail(changed.error());
        if (call.json) {
            const auto found = clients.find(id);
            if (!found) return fail(found.error());
            return print_json(to_json(found->client)), support::ok;
        }
        print_text(fmt::format("Limits of '{}' for each server: {}.", id, text));
        return support::ok;
    });
}

int clients_set_email(invocation& call) {
    const auto& address = call.operands[1];
    if (!can_be_address(address)) return fail(not_an_address());
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        const auto changed = clients.set_email(id, address);
        if (!changed) return fail(changed.error());
        if (call.json) {
            const auto found = clients.find(id);
            if (!found) return fail(found.error());
            return print_json(to_json(found->client)), support::ok;
        }
        print_text(fmt::format("Changed the address of '{}'.", id));
        return support::ok;
    });
}

int clients_rotate_secret(invocation& call) {
    const auto keep_old = read_keep_old(call);
    if (!keep_old) return fail(keep_old.error());
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        call.note("keep_old_seconds", keep_old->count());
        const auto stored = clients.find(id);
        if (!stored) return fail(stored.error());
        const auto kept = kept_after_rotation(stored->old_secrets, *keep_old);
        bool is_written = false;
        call.advice_without_output = fmt::format("the old secret of '{}' stays valid: nothing was changed", id);
        const auto made = clients.rotate_secret(id, *keep_old, [&](const service::client_secret& secret) {
            print_secret(call, secret, &kept);
            return is_written = *support::flush_output() == '\0';
        });
        if (!made && !is_written) return *support::flush_output() == '\0' ? fail(made.error()) : support::ok; // the caller reports it
        if (!made) {
            complain("the new secret was not stored: do not use the one that was printed, unless the outcome is unknown");
            return fail(made.error());
        }
        call.advice_without_output.clear();
        if (call.json) return support::ok;
        const auto now_stored = clients.find(id);
        const auto& old = now_stored ? now_stored->old_secrets : kept;
        print_text(old.empty() ? std::string("The old secret is no longer valid.")
                               : fmt::format("Old secret:    {}.", old_secrets_text(old)));
        if (made->client.enabled) print_curl_commands(call.settings, made->client, made->secret);
        return support::ok;
    });
}

int clients_delete(invocation& call) {
    return with_client(call, [&](service::api_clients clients, const std::string& id) -> int {
        if (!call.has("yes") && !confirm(fmt::format("Delete the client '{}' permanently?", id))) {
            complain("nothing was deleted; answer y or use --yes");
            return support::failed;
        }
        const auto removed = clients.remove(id);
        if (!removed) return fail(removed.error());
        if (call.json) return print_done(id, "deleted", true), support::ok;
        print_text(fmt::format("Deleted '{}'.", id));
        return support::ok;
    });
}

} // namespace ctms::cli
