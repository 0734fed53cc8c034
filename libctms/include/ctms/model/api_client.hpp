// SPDX-License-Identifier: MPL-2.0
// A service that may call the API: its id, a contact address, its hashed secret and its roles. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace ctms::model {

/// A permission of a client: each call of the API requires one of them.
enum class role : std::uint8_t { read, write, remove, updates, stripe, admin, privacy };

/// The names of the roles, in the same order.
inline constexpr std::array<std::string_view, 7> role_names{"read", "write", "delete", "updates", "stripe", "admin", "privacy"};

/// Returns the name of a role.
[[nodiscard]] constexpr std::string_view to_string(role one) noexcept { return role_names[static_cast<std::size_t>(one)]; }

/// Returns the role with that name, or nullopt if there is none.
[[nodiscard]] constexpr std::optional<role> find_role(std::string_view name) noexcept {
    for (std::size_t i = 0; i < role_names.size(); ++i) {
        if (role_names[i] == name) return static_cast<role>(i);
    }
    return std::nullopt;
}

/// The longest id that a client can have, in bytes, which are characters here because ids are ASCII. The database's column has as many.
inline constexpr std::size_t longest_client_id = 255;

/// How often a client may send a request: `requests` per `window` in the long run, and `burst` at once after a pause.
struct CTMS_API request_rate {
    int requests = 1;               ///< at least 1
    std::chrono::seconds window{1}; ///< at least 1 s
    int burst = 1;                  ///< at least 1

    friend bool operator==(const request_rate&, const request_rate&) = default; ///< member by member
};

/// What a client may ask of one instance of ctms-web.
struct CTMS_API client_limits {
    std::optional<request_rate> rate{}; ///< nullopt: no limit
    std::optional<int> concurrency{};   ///< requests at the same time, at least 1; nullopt: no limit

    friend bool operator==(const client_limits&, const client_limits&) = default; ///< member by member
};

/// A client of the API.
struct CTMS_API api_client {
    std::string client_id;                     ///< starts with "id_"
    std::string email;                         ///< of the people who run the client
    bool enabled = true;                       ///< a disabled client gets no tokens, and its existing tokens are refused
    std::string hashed_secret;                 ///< Argon2id in PHC string form
    std::optional<timestamp> create_timestamp; ///< set by the database
    std::optional<timestamp> update_timestamp; ///< set by the database
    std::optional<std::set<role>> roles{};     ///< roles of the client; nullopt allows everything
    bool must_have_precondition = false;       ///< changes and deletes contacts only with a precondition (If-Match)
    client_limits limits{};                    ///< what it may ask of one instance of ctms-web
    std::optional<timestamp> last_used{};      ///< when it last used the API, to the minute; nullopt: not yet

    /// Returns true if the client has the role.
    [[nodiscard]] bool may(role one) const { return !roles || roles->contains(one); }

    friend bool operator==(const api_client&, const api_client&) = default; ///< member by member
};

/// A secret that was replaced but is still valid.
struct CTMS_API old_secret {
    std::string hashed_secret; ///< Argon2id in PHC string form
    timestamp valid_until;     ///< when it becomes invalid

    friend bool operator==(const old_secret&, const old_secret&) = default; ///< member by member
};

/// Writes the name of a role.
CTMS_API std::ostream& operator<<(std::ostream& out, role one);

} // namespace ctms::model
