// SPDX-License-Identifier: MPL-2.0
#include "client_id.hpp"
#include "commands.hpp"
#include "output.hpp"

#include <ctms/auth/secrets.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/persistence/clients.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace ctms::cli {
namespace {

/// Runs `act(repository, client_id)` on the client that is named.
template <class Act>
int with_client(invocation& call, Act act) {
    const auto id = to_client_id(call.operands.front());
    if (!id) return fail(id.error());
    call.note("client_id", *id);
    persistence::database db(support::database_options(call.settings));
    persistence::client_repository clients(db);
    return act(clients, *id);
}

std::string to_json(const model::api_client& client) {
    std::string out;
    object_writer writer(out);
    writer.add("client_id", std::string_view(client.client_id));
    writer.add("email", std::string_view(client.email));
    writer.add("enabled", client.enabled);
    writer.close();
    return out;
}

std::string time_text(const std::optional<timestamp>& when) { return when ? to_iso(*when) : "-"; }

/// Commands for a first try; they work as they are printed.
void print_curl_commands(const config::settings& settings, const std::string& client_id, const std::string& secret) {
    const auto& url = settings.server_prefix;
    const auto id = uuid::random().to_string();
    const auto address = fmt::format("jane-{}@example.com", id.substr(0, 8));
    fmt::print("\nTry it:\n\n"
               "TOKEN=$(curl -sS {}/token -d grant_type=client_credentials -d client_id={} -d client_secret={} "
               "| sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n"
               "curl -sS {}/ctms -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
               "-d '{{\"email\":{{\"email_id\":\"{}\",\"primary_email\":\"{}\"}},\"newsletters\":[{{\"name\":\"hubs\"}}]}}'; echo\n"
               "curl -sS {}/ctms/{} -H \"Authorization: Bearer $TOKEN\"; echo\n",
               url, client_id, secret, url, id, address, url, id);
}

void print_secret(invocation& call, const model::api_client& client, const std::string& secret) {
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("client_id", std::string_view(client.client_id));
        writer.add("client_secret", std::string_view(secret));
        writer.add("email", std::string_view(client.email));
        writer.add("enabled", client.enabled);
        writer.close();
        fmt::print("{}\n", out);
        return;
    }
    fmt::print("client_id:     {}\nclient_secret: {}\nKeep the secret: it is not shown again.\n", client.client_id, secret);
    if (client.enabled) print_curl_commands(call.settings, client.client_id, secret);
}

void print_done(const std::string& client_id, std::string_view what, bool value) {
    std::string out;
    object_writer writer(out);
    writer.add("client_id", std::string_view(client_id));
    writer.add(what, value);
    writer.close();
    fmt::print("{}\n", out);
}

int set_enabled(invocation& call, bool enabled) {
    return with_client(call, [&](persistence::client_repository& clients, const std::string& id) -> int {
        const auto changed = clients.set_enabled(id, enabled);
        if (!changed) return fail(changed.error());
        if (call.json) return print_done(id, "enabled", enabled), support::ok;
        fmt::print("{} '{}'.\n", enabled ? "Enabled" : "Disabled", id);
        return support::ok;
    });
}

} // namespace

int clients_create(invocation& call) {
    return with_client(call, [&](persistence::client_repository& clients, const std::string& id) -> int {
        const auto secret = auth::make_secret();
        model::api_client client;
        client.client_id = id;
        client.email = call.value("email").value();
        client.enabled = !call.has("disabled");
        client.hashed_secret = auth::hash_secret(secret);
        if (const auto created = clients.create(client); !created) {
            if (created.error().code == errc::conflict)
                return fail(error{errc::conflict, fmt::format("client '{}' exists already", id), {}, {}, {}});
            return fail(created.error());
        }
        print_secret(call, client, secret);
        return support::ok;
    });
}

int clients_list(invocation& call) {
    persistence::database db(support::database_options(call.settings));
    const auto all = persistence::client_repository(db).list();
    if (!all) return fail(all.error());
    if (call.json) {
        std::string out;
        append_json_array(out, *all, [](std::string& to, const model::api_client& client) { to += to_json(client); });
        fmt::print("{}\n", out);
        return support::ok;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& client : *all)
        rows.push_back({client.client_id, client.email, client.enabled ? "yes" : "no", time_text(client.create_timestamp)});
    print_table({"CLIENT", "EMAIL", "ENABLED", "CREATED"}, rows);
    return support::ok;
}

int clients_show(invocation& call) {
    return with_client(call, [&](persistence::client_repository& clients, const std::string& id) -> int {
        const auto client = clients.find(id);
        if (!client) return fail(client.error());
        if (call.json) return fmt::print("{}\n", to_json(*client)), support::ok;
        print_table({"CLIENT", client->client_id}, {{"EMAIL", client->email},
                                                    {"ENABLED", client->enabled ? "yes" : "no"},
                                                    {"CREATED", time_text(client->create_timestamp)},
                                                    {"UPDATED", time_text(client->update_timestamp)}});
        return support::ok;
    });
}

int clients_enable(invocation& call) { return set_enabled(call, true); }
int clients_disable(invocation& call) { return set_enabled(call, false); }

int clients_rotate_secret(invocation& call) {
    return with_client(call, [&](persistence::client_repository& clients, const std::string& id) -> int {
        const auto client = clients.find(id);
        if (!client) return fail(client.error());
        const auto secret = auth::make_secret();
        const auto changed = clients.set_hashed_secret(id, auth::hash_secret(secret));
        if (!changed) return fail(changed.error());
        print_secret(call, *client, secret);
        return support::ok;
    });
}

int clients_delete(invocation& call) {
    return with_client(call, [&](persistence::client_repository& clients, const std::string& id) -> int {
        if (!call.has("yes") && !confirm(fmt::format("Delete the client '{}' for good?", id))) {
            fmt::print(stderr, "ctms-admin: nothing was deleted; answer y, or give --yes\n");
            return support::failed;
        }
        const auto removed = clients.remove(id);
        if (!removed) return fail(removed.error());
        if (call.json) return print_done(id, "deleted", true), support::ok;
        fmt::print("Deleted '{}'.\n", id);
        return support::ok;
    });
}

} // namespace ctms::cli
