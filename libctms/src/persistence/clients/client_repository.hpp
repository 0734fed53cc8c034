// SPDX-License-Identifier: MPL-2.0
// Reads and writes stored API clients (api_client, ctms_client_roles, ctms_client_rules, ctms_client_use,
// ctms_client_old_secrets, ctms_client_revocations). Callers pass secrets already hashed. Thread safe; each call is one transaction.
#pragma once

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

/// A client with everything that is needed to check its secrets and tokens.
struct client_access {
    model::api_client client;                   ///< as stored
    std::vector<model::old_secret> old_secrets; ///< replaced secrets that are still valid, the longest valid first
    /// Tokens issued before this time (of the database's clock) are refused, because a secret was replaced then and its grace period is
    /// over, or because a client with this id was deleted. nullopt if neither happened.
    std::optional<timestamp> tokens_valid_from;
};

/// When a client last used the API.
struct client_use {
    std::string client_id;
    std::chrono::milliseconds ago; ///< how long ago
};

/// Reads and writes API clients.
class client_repository {
public:
    /// `db` must outlive it.
    explicit client_repository(database& db) : db_(db) {}

    /// Returns the client with its roles, in one round trip. errc::not_found if it does not exist.
    [[nodiscard]] result<model::api_client> find(std::string_view client_id);
    /// Returns the client with its old secrets and the start of validity of its tokens, in one round trip. errc::not_found if it does not
    /// exist.
    [[nodiscard]] result<client_access> find_access(std::string_view client_id);
    /// Returns all clients, in order of client_id.
    [[nodiscard]] result<std::vector<model::api_client>> list();
    /// Stores the client with its roles. errc::conflict if the id is already used.
    [[nodiscard]] result<void> create(const model::api_client& client);
    /// Enables or disables a client. errc::not_found if it does not exist.
    [[nodiscard]] result<void> set_enabled(std::string_view client_id, bool enabled);
    /// Changes the address. errc::not_found if the client does not exist.
    [[nodiscard]] result<void> set_email(std::string_view client_id, const std::string& email);
    /// Sets the roles; nullopt allows everything. errc::not_found if the client does not exist.
    [[nodiscard]] result<void> set_roles(std::string_view client_id, const std::optional<std::set<model::role>>& roles);
    /// Sets whether the client may change contacts only with a precondition. errc::not_found if the client does not exist.
    [[nodiscard]] result<void> set_must_have_precondition(std::string_view client_id, bool must);
    /// Sets what the client may ask of one instance of ctms-web. errc::not_found if the client does not exist.
    [[nodiscard]] result<void> set_limits(std::string_view client_id, const model::client_limits& limits);
    /// Stores when these clients, each listed once, last used the API, in one statement. Ignores those that do not exist, and times before
    /// the stored one.
    [[nodiscard]] result<void> note_uses(const std::vector<client_use>& uses);
    /// Replaces the secret. The old one stays valid for `keep_old`, in addition to those that were kept before; if `keep_old` is 0, all of
    /// them become invalid immediately. Also removes expired secrets of all clients. errc::not_found if the client does not exist.
    [[nodiscard]] result<void> set_hashed_secret(std::string_view client_id, std::string_view hashed_secret,
                                                 std::chrono::seconds keep_old = {});
    /// Removes a client with its roles and old secrets. errc::not_found if it does not exist.
    [[nodiscard]] result<void> remove(std::string_view client_id);

private:
    database& db_;
};

} // namespace ctms::persistence
