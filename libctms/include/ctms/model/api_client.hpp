// SPDX-License-Identifier: MPL-2.0
// A service that may call the API: its id, who to ask about it, and its hashed secret. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>

#include <optional>
#include <string>

namespace ctms::model {

/// One client of the API.
struct CTMS_API api_client {
    std::string client_id;                     ///< begins with "id_"
    std::string email;                         ///< of the people who run the client
    bool enabled = true;                       ///< a disabled client gets no token, and its tokens are refused
    std::string hashed_secret;                 ///< Argon2id in PHC string form
    std::optional<timestamp> create_timestamp; ///< set by the database
    std::optional<timestamp> update_timestamp; ///< set by the database
};

} // namespace ctms::model
