// SPDX-License-Identifier: MPL-2.0
// Reads the {email_id} of a path. Pure function.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <web/server/route.hpp>

#include <string>

namespace ctms::web::routes {

/// The {email_id} of the path: a UUID of any version, in any notation.
[[nodiscard]] inline result<uuid> path_email_id(const call& now) {
    const auto parsed = uuid::parse(now.path_parameter("email_id"));
    if (!parsed) {
        return invalid_fields({{{std::string("path"), std::string("email_id")}, "value is not a valid uuid", "type_error.uuid", {}}});
    }
    return *parsed;
}

} // namespace ctms::web::routes
