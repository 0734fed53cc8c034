// SPDX-License-Identifier: MPL-2.0
// Stored API clients (table api_client). Thread safe; each call is one transaction. Secrets arrive hashed.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/api_client.hpp>
#include <ctms/persistence/database.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// Reads and writes API clients.
class CTMS_API client_repository {
public:
    /// `db` must outlive it.
    explicit client_repository(database& db) : db_(db) {}

    /// errc::not_found when there is none. One round trip.
    [[nodiscard]] result<model::api_client> find(std::string_view client_id);
    /// All, in order of client_id.
    [[nodiscard]] result<std::vector<model::api_client>> list();
    /// errc::conflict when the id is taken.
    [[nodiscard]] result<void> create(const model::api_client& client);
    /// errc::not_found when there is none.
    [[nodiscard]] result<void> set_enabled(std::string_view client_id, bool enabled);
    /// Replaces the secret. errc::not_found when there is none.
    [[nodiscard]] result<void> set_hashed_secret(std::string_view client_id, std::string_view hashed_secret);
    /// Removes a client. errc::not_found when there is none.
    [[nodiscard]] result<void> remove(std::string_view client_id);

private:
    database& db_;
};

} // namespace ctms::persistence
