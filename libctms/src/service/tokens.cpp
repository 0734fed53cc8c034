// SPDX-License-Identifier: MPL-2.0
#include <ctms/auth/secrets.hpp>
#include <ctms/service/tokens.hpp>

namespace ctms::service {
namespace {

constexpr std::string_view client_namespace = "api_client";

error refused(std::string_view why) { return error{errc::malformed, "Incorrect username or password", std::string(why), {}, {}}; }

error bad_token(std::string_view why) {
    return error{errc::unauthorized, "Could not validate credentials", std::string(why), {}, {}};
}

} // namespace

result<issued_token> tokens::issue(const std::string& client_id, const std::string& secret, bool& client_exists) {
    if (client_id.empty() || secret.empty()) return refused("No credentials");
    const auto client = clients_.find(client_id);
    if (!client) {
        if (client.error().code != errc::not_found) return client.error();
        auth::verify_nothing(secret);
        return refused("No client record");
    }
    client_exists = true;
    const bool matches = auth::verify_secret(secret, client->hashed_secret);
    if (!client->enabled) return refused("Client disabled");
    if (!matches) return refused("Bad credentials");
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return issued_token{signer_.sign(std::string(client_namespace) + ":" + client_id, now + options_.expiration), options_.expiration};
}

authentication tokens::authenticate(std::string_view token) {
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
    const auto client = find_client(out.client_id);
    if (!client) {
        out.verdict = client.error();
    } else if (!*client) {
        out.verdict = bad_token("No client record");
    } else {
        out.client_exists = true;
        if (!(*client)->enabled) out.verdict = error{errc::forbidden, "API Client has been disabled", "Client disabled", {}, {}};
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
