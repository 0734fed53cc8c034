// SPDX-License-Identifier: MPL-2.0
#include "token_binding.hpp"

#include "auth/keyed_hash.hpp"
#include "base/base64.hpp"

#include <ctms/base/uuid.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace ctms::service {
namespace {

// The prefix of token ids that name their secret. The version that follows contains no colon.
constexpr std::string_view prefix = "s1:";

} // namespace

std::string secret_version(const model::api_client& client, std::string_view hashed_secret) {
    constexpr std::size_t kept = 16;
    const auto made = client.create_timestamp ? client.create_timestamp->time_since_epoch().count() : 0;
    const auto text = fmt::format("{}\n{}\n{}", client.client_id, made, hashed_secret);
    const auto hash = auth::plain_hash(text);
    return base64url_encode({reinterpret_cast<const char*>(hash.data()), kept});
}

std::string token_id_for(const std::string& version) { return fmt::format("{}{}:{}", prefix, version, uuid::random().to_string()); }

token_rules::token_rules(const persistence::client_access& access) : valid_from(access.tokens_valid_from) {
    versions.push_back(secret_version(access.client, access.client.hashed_secret));
    for (const auto& old : access.old_secrets) versions.push_back(secret_version(access.client, old.hashed_secret));
}

bool is_revoked(const auth::token_claims& token, const token_rules& rules, std::chrono::seconds life) {
    if (token.id.starts_with(prefix)) {
        const auto version = std::string_view(token.id).substr(prefix.size());
        return std::find(rules.versions.begin(), rules.versions.end(), version.substr(0, version.find(':'))) == rules.versions.end();
    }
    if (!rules.valid_from) return false;
    if (!token.issued_at && !token.expires_at) return true;
    const auto seconds = [](std::chrono::seconds span) { return static_cast<double>(span.count()); };
    const double issued = token.issued_at ? *token.issued_at : *token.expires_at - seconds(life);
    const double valid_from = std::chrono::duration<double>(rules.valid_from->time_since_epoch()).count();
    return issued + seconds(clock_tolerance) < valid_from;
}

} // namespace ctms::service
