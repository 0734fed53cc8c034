// SPDX-License-Identifier: MPL-2.0
#include "failure_limit.hpp"

#include <ctms/auth/secrets.hpp>
#include <ctms/service/tokens.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace ctms::service {
namespace {

constexpr std::string_view client_namespace = "api_client";

/// An id that a database could hold: others need not be looked for.
bool is_storable(const std::string& client_id) {
    constexpr std::size_t longest = 255;
    return client_id.size() <= longest && client_id.find('\0') == std::string::npos;
}

error bad_token(std::string_view why) { return error{errc::unauthorized, "Could not validate credentials", std::string(why), {}, {}}; }

result<void> check_client(const model::api_client& client, model::role wanted) {
    if (!client.enabled) return error{errc::forbidden, "API Client has been disabled", "Client disabled", {}, {}};
    if (!client.may(wanted))
        return error{errc::missing_role, fmt::format("Client lacks the role '{}'", to_string(wanted)), "Missing role", {}, {}};
    return {};
}

} // namespace

tokens::tokens(persistence::client_repository& clients, const auth::token_signer& signer, token_options options)
    : clients_(clients), signer_(signer), options_(options), failures_(std::make_unique<failure_limit>(options.failures_per_minute)) {}
tokens::~tokens() = default;

result<issued_token> tokens::issue(const std::string& client_id, const std::string& secret, const std::string& address,
                                   bool& client_exists) {
    if (client_id.empty() || secret.empty()) return refuse("No credentials", client_id, address);
    const auto client =
        is_storable(client_id) ? clients_.find(client_id) : result<model::api_client>(error{errc::not_found, {}, {}, {}, {}});
    if (!client) {
        if (client.error().code != errc::not_found) return client.error();
        auth::verify_nothing(secret);
        return refuse("No client record", client_id, address);
    }
    client_exists = true;
    result<bool> matches = auth::verify_secret(secret, client->hashed_secret);
    // With an old secret a failure takes twice as long, which tells that there is one: of no use to whoever lacks it.
    if (!*matches) matches = matches_old_secret(client_id, secret);
    if (!matches) return matches.error();
    if (!client->enabled) return refuse("Client disabled", client_id, address);
    if (!*matches) return refuse("Bad credentials", client_id, address);
    return sign(client_id, options_.expiration);
}

result<issued_token> tokens::grant(const std::string& client_id, std::optional<std::chrono::seconds> expiration) {
    const auto client =
        is_storable(client_id) ? clients_.find(client_id) : result<model::api_client>(error{errc::not_found, {}, {}, {}, {}});
    if (!client) return client.error();
    if (!client->enabled) return error{errc::forbidden, "API Client has been disabled", "Client disabled", {}, {}};
    return sign(client_id, expiration.value_or(options_.expiration));
}

issued_token tokens::sign(const std::string& client_id, std::chrono::seconds expiration) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return {signer_.sign(std::string(client_namespace) + ":" + client_id, now + expiration), expiration};
}

result<bool> tokens::matches_old_secret(const std::string& client_id, const std::string& secret) {
    const auto kept = clients_.old_secrets(client_id);
    if (!kept) return kept.error();
    return std::any_of(kept->begin(), kept->end(), [&](const auto& one) { return auth::verify_secret(secret, one.hashed_secret); });
}

error tokens::refuse(std::string_view why, const std::string& client_id, const std::string& address) {
    if (failures_->note(client_id + '\n' + address, std::chrono::steady_clock::now())) {
        return error{errc::too_many, "Too many failed attempts, try again in a minute", std::string(why), {}, {}};
    }
    return error{errc::malformed, "Incorrect username or password", std::string(why), {}, {}};
}

authentication tokens::authenticate(std::string_view token, model::role wanted) {
    authentication out;
    const auto claims = signer_.verify(token, std::chrono::system_clock::now());
    if (!claims) {
        out.verdict = bad_token("No or bad token");
        return out;
    }
    out.client_id = claims->subject;
    if (claims->name_space != client_namespace) {
        out.verdict = bad_token("Bad namespace");
        return out;
    }
    const auto client = is_storable(out.client_id) ? find_client(out.client_id) : result<std::optional<model::api_client>>(std::nullopt);
    if (!client) {
        out.verdict = client.error();
    } else if (!*client) {
        out.verdict = bad_token("No client record");
    } else {
        out.client_exists = true;
        out.verdict = check_client(**client, wanted);
    }
    return out;
}

result<std::optional<model::api_client>> tokens::find_client(const std::string& client_id) {
    constexpr std::size_t most_cached = 10'000;
    const auto now = std::chrono::steady_clock::now();
    {
        const std::lock_guard lock(mutex_);
        const auto found = cache_.find(client_id);
        if (found != cache_.end() && now - found->second.read_at < options_.client_cache_time) return found->second.record;
    }
    // Threads that miss together each read: rarer and simpler than making them wait for one another.
    auto read = clients_.find(client_id);
    if (!read && read.error().code != errc::not_found) return read.error();
    std::optional<model::api_client> record;
    if (read) record = std::move(*read);
    const std::lock_guard lock(mutex_);
    if (cache_.size() >= most_cached) cache_.clear();
    cache_[client_id] = {record, now};
    return record;
}

} // namespace ctms::service
