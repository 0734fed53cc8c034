// SPDX-License-Identifier: MPL-2.0
// Use cases for API clients: create, change and delete them, and replace their secrets. Clients are given by name ("shop") or by id
// ("id_shop"). Blocking; thread safe. create() and rotate_secret() hash a secret, which takes about 0.1 s of CPU and 64 MiB (Argon2id).
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/api_client.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Returns the id of the client with this name: the name with the prefix "id_", unless it already has it. errc::invalid unless the name
/// consists of letters, digits and - _ . and the id has at most model::longest_client_id characters.
[[nodiscard]] CTMS_API result<std::string> client_id_of(std::string_view name);

/// Returns the roles with these names; nullopt (everything is allowed) if there are no names. errc::malformed, with all known names, for an
/// unknown one.
[[nodiscard]] CTMS_API result<std::optional<std::set<model::role>>> roles_of(std::span<const std::string> names);

/// How long a replaced secret may stay valid.
inline constexpr std::chrono::hours longest_grace_period{365 * 24};

/// The highest number that a limit of a client may have.
inline constexpr int highest_limit = 1'000'000;

/// A client to be created.
struct CTMS_API new_client {
    std::string name;                             ///< name or id, see client_id_of()
    std::string email;                            ///< of the people who run the client
    bool enabled = true;                          ///< a disabled client gets no tokens
    std::optional<std::set<model::role>> roles{}; ///< at least one; nullopt allows everything
};

/// A client with a secret that was just made. Only its hash is stored, so the secret cannot be shown again.
struct CTMS_API client_secret {
    model::api_client client; ///< the client, with the new hash
    std::string secret;       ///< the secret
};

/// A client with its replaced secrets.
struct CTMS_API client_details {
    model::api_client client;                   ///< as stored
    std::vector<model::old_secret> old_secrets; ///< secrets that are still valid, the longest valid first
};

/// The use cases. Every function that takes a name returns the error of client_id_of() for one that is not valid.
class CTMS_API api_clients {
public:
    /// `db` must outlive it.
    explicit api_clients(persistence::database& db) : db_(db) {}

    /// Makes a secret and stores the client. errc::conflict if the client exists; errc::invalid for an email that has a NUL character or is
    /// not UTF-8, and for a set of roles without one.
    [[nodiscard]] result<client_secret> create(const new_client& wanted);
    /// Returns all clients, in order of client_id.
    [[nodiscard]] result<std::vector<model::api_client>> list();
    /// Returns a client with its old secrets. errc::not_found if it does not exist.
    [[nodiscard]] result<client_details> find(std::string_view name);
    /// Enables or disables a client. errc::not_found if it does not exist.
    [[nodiscard]] result<void> set_enabled(std::string_view name, bool enabled);
    /// Changes the address of the people who run the client. errc::not_found if it does not exist; errc::invalid as in create().
    [[nodiscard]] result<void> set_email(std::string_view name, const std::string& email);
    /// Sets the roles; nullopt allows everything. errc::invalid if there is none, because a client without stored roles may do everything:
    /// disable it instead. errc::not_found if the client does not exist.
    [[nodiscard]] result<void> set_roles(std::string_view name, const std::optional<std::set<model::role>>& roles);
    /// Sets whether the client must send a precondition (service::precondition) with each change or deletion of a contact. errc::not_found
    /// if the client does not exist.
    [[nodiscard]] result<void> set_must_have_precondition(std::string_view name, bool must);
    /// Sets what the client may ask of one instance of ctms-web, in place of its former limits; `{}` for no limits. A running server
    /// notices the change within five seconds. errc::invalid unless the numbers of a limit are from 1 to highest_limit and the window of a
    /// rate is from a second to a day; errc::not_found if the client does not exist.
    [[nodiscard]] result<void> set_limits(std::string_view name, const model::client_limits& limits);
    /// Makes a new secret. The old one stays valid for `grace_period`; if that is 0, the old one, those that were replaced before, and all
    /// tokens become invalid at once. `deliver`, unless it is empty, is called before anything is stored: if it returns false, because the
    /// new secret could not be written, the old one stays valid (errc::unavailable). errc::invalid unless 0 <= grace_period <=
    /// longest_grace_period; errc::not_found if the client does not exist.
    [[nodiscard]] result<client_secret> rotate_secret(std::string_view name, std::chrono::seconds grace_period = {},
                                                      const std::function<bool(const client_secret&)>& deliver = {});
    /// Deletes a client with its roles and old secrets; its tokens become invalid. errc::not_found if it does not exist.
    [[nodiscard]] result<void> remove(std::string_view name);

private:
    persistence::database& db_;
};

} // namespace ctms::service
