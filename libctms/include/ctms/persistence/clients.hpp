// SPDX-License-Identifier: MPL-2.0
// Stored API clients (api_client, ctms_client_roles, ctms_client_old_secrets, ctms_client_revocations). Thread safe; each call is one
// transaction. Secrets arrive hashed.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/api_client.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A secret that was replaced and still opens the door.
struct CTMS_API old_secret {
    std::string hashed_secret; ///< Argon2id in PHC string form
    timestamp valid_until;     ///< when it ends
};

/// A client with what decides about its secrets and tokens.
struct CTMS_API client_access {
    model::api_client client;            ///< as stored
    std::vector<old_secret> old_secrets; ///< replaced secrets that are valid now, the one that lasts longest first
    /// Tokens issued before this moment of the database's clock are refused: a secret was replaced then and has no grace period
    /// left, or a client of this id was deleted. nullopt: neither happened.
    std::optional<timestamp> tokens_valid_from;
};

/// Reads and writes API clients.
class CTMS_API client_repository {
public:
    /// `db` must outlive it.
    explicit client_repository(database& db) : db_(db) {}

    /// errc::not_found when there is none. With its roles, in one round trip.
    [[nodiscard]] result<model::api_client> find(std::string_view client_id);
    /// The same with its old secrets and from when on its tokens are good, in one round trip. errc::not_found when there is none.
    [[nodiscard]] result<client_access> find_access(std::string_view client_id);
    /// All, in order of client_id.
    [[nodiscard]] result<std::vector<model::api_client>> list();
    /// Stores it with its roles. errc::conflict when the id is taken.
    [[nodiscard]] result<void> create(const model::api_client& client);
    /// errc::not_found when there is none.
    [[nodiscard]] result<void> set_enabled(std::string_view client_id, bool enabled);
    /// Sets what it may do; nullopt is everything. errc::not_found when there is none.
    [[nodiscard]] result<void> set_roles(std::string_view client_id, const std::optional<std::set<model::role>>& roles);
    /// Replaces the secret. The old one stays valid for `keep_old` from now, beside those that were kept before; for 0 it
    /// ends at once, and they too. Removes what has ended of any client. errc::not_found when there is none.
    [[nodiscard]] result<void> set_hashed_secret(std::string_view client_id, std::string_view hashed_secret,
                                                 std::chrono::seconds keep_old = {});
    /// The replaced secrets that are valid now, the one that lasts longest first.
    [[nodiscard]] result<std::vector<old_secret>> old_secrets(std::string_view client_id);
    /// Removes a client, with its roles and old secrets. errc::not_found when there is none.
    [[nodiscard]] result<void> remove(std::string_view client_id);

private:
    database& db_;
};

} // namespace ctms::persistence
