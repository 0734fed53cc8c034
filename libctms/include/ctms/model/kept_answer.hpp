// SPDX-License-Identifier: MPL-2.0
// The answer to a write that is kept, so that a repeated request gets it again. No functions, so thread safe like any value.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/uuid.hpp>

#include <string>
#include <vector>

namespace ctms::model {

/// An answer in terms of HTTP. Contains personal data.
struct CTMS_API kept_answer {
    int status = 0;                ///< the status code
    std::string entity_tag{};      ///< tag of the contact in the body; "" if there is none
    std::string location{};        ///< path of that contact; "" if there is none
    std::string body{};            ///< JSON
    std::vector<uuid> email_ids{}; ///< the contacts that the body tells about
};

} // namespace ctms::model
