// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/api_clients.hpp>

#include <auth/secrets.hpp>
#include <base/storable.hpp>
#include <persistence/clients/client_repository.hpp>

#include <fmt/format.h>

#include <utility>

namespace ctms::service {

using persistence::client_repository;

namespace {

/// A client without stored roles may do everything, so a set without roles cannot be stored.
result<void> check(const std::optional<std::set<model::role>>& roles) {
    if (roles && roles->empty()) return invalid("roles: at least one is needed; disable a client that may do nothing");
    return {};
}

error unstorable_email() { return invalid("email: the text has a NUL character or is not UTF-8"); }

} // namespace

result<std::string> client_id_of(std::string_view name) {
    constexpr std::string_view prefix = "id_";
    constexpr std::string_view allowed = "-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    auto id = name.starts_with(prefix) ? std::string(name) : fmt::format("{}{}", prefix, name);
    if (id == prefix || id.find_first_not_of(allowed) != std::string::npos || id.size() > model::longest_client_id) {
        return invalid(fmt::format("'{}' is not a valid client name: only letters, digits and - _ . are allowed, at most {} characters",
                                   name, model::longest_client_id - prefix.size()));
    }
    return id;
}

result<std::optional<std::set<model::role>>> roles_of(std::span<const std::string> names) {
    std::optional<std::set<model::role>> out;
    for (const auto& name : names) {
        const auto known = model::find_role(name);
        if (!known) return malformed(fmt::format("'{}' is not a role; the roles are {}", name, fmt::join(model::role_names, ", ")));
        if (!out) out.emplace();
        out->insert(*known);
    }
    return out;
}

result<client_secret> api_clients::create(const new_client& wanted) {
    auto id = client_id_of(wanted.name);
    if (!id) return id.error();
    if (!is_storable(wanted.email)) return unstorable_email();
    if (const auto good = check(wanted.roles); !good) return good.error();
    client_secret out;
    out.secret = auth::make_secret();
    out.client.client_id = *std::move(id);
    out.client.email = wanted.email;
    out.client.enabled = wanted.enabled;
    out.client.hashed_secret = auth::hash_secret(out.secret);
    out.client.roles = wanted.roles;
    const auto created = client_repository(db_).create(out.client);
    if (created) return out;
    auto failure = created.error();
    if (failure.code == errc::conflict) {
        failure.message = fmt::format("client '{}' already exists", out.client.client_id);
        failure.detail.clear();
    }
    return failure;
}

result<std::vector<model::api_client>> api_clients::list() { return client_repository(db_).list(); }

result<client_details> api_clients::find(std::string_view name) {
    const auto id = client_id_of(name);
    if (!id) return id.error();
    auto access = client_repository(db_).find_access(*id);
    if (!access) return access.error();
    return client_details{std::move(access->client), std::move(access->old_secrets)};
}

result<void> api_clients::set_enabled(std::string_view name, bool enabled) {
    const auto id = client_id_of(name);
    return id ? client_repository(db_).set_enabled(*id, enabled) : result<void>(id.error());
}

result<void> api_clients::set_email(std::string_view name, const std::string& email) {
    const auto id = client_id_of(name);
    if (!id) return id.error();
    if (!is_storable(email)) return unstorable_email();
    return client_repository(db_).set_email(*id, email);
}

result<void> api_clients::set_roles(std::string_view name, const std::optional<std::set<model::role>>& roles) {
    const auto id = client_id_of(name);
    if (!id) return id.error();
    if (const auto good = check(roles); !good) return good.error();
    return client_repository(db_).set_roles(*id, roles);
}

result<void> api_clients::set_must_have_precondition(std::string_view name, bool must) {
    const auto id = client_id_of(name);
    return id ? client_repository(db_).set_must_have_precondition(*id, must) : result<void>(id.error());
}

result<void> api_clients::set_limits(std::string_view name, const model::client_limits& limits) {
    const auto is_possible = [](int number) { return number >= 1 && number <= highest_limit; };
    const auto& rate = limits.rate;
    if ((rate && (!is_possible(rate->requests) || !is_possible(rate->burst))) || !is_possible(limits.concurrency.value_or(1)))
        return invalid(fmt::format("a limit must be from 1 to {}", highest_limit));
    if (rate && (rate->window < std::chrono::seconds(1) || rate->window > std::chrono::days(1)))
        return invalid("the time of a rate must be from a second to a day");
    const auto id = client_id_of(name);
    return id ? client_repository(db_).set_limits(*id, limits) : result<void>(id.error());
}

result<client_secret> api_clients::rotate_secret(std::string_view name, std::chrono::seconds grace_period,
                                                 const std::function<bool(const client_secret&)>& deliver) {
    if (grace_period < grace_period.zero() || grace_period > longest_grace_period)
        return invalid("the grace period must be from 0 seconds to 365 days");
    const auto id = client_id_of(name);
    if (!id) return id.error();
    client_repository clients(db_);
    auto client = clients.find(*id); // before the secret is hashed, which takes long
    if (!client) return client.error();
    client_secret out{*std::move(client), auth::make_secret()};
    out.client.hashed_secret = auth::hash_secret(out.secret);
    if (deliver && !deliver(out)) return unavailable("the new secret was not delivered, and the old one stays valid");
    const auto changed = clients.set_hashed_secret(*id, out.client.hashed_secret, grace_period);
    if (!changed) return changed.error();
    return out;
}

result<void> api_clients::remove(std::string_view name) {
    const auto id = client_id_of(name);
    return id ? client_repository(db_).remove(*id) : result<void>(id.error());
}

} // namespace ctms::service
