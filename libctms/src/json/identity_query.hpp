// SPDX-License-Identifier: MPL-2.0
// Checks a lookup that a program filled in. Pure functions, thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact.hpp>

namespace ctms::json {

/// Returns true if the lookup has an id that is not empty.
[[nodiscard]] bool names_an_id(const model::identity_query& query);

/// Checks that the database can take every string. errc::invalid with one field_error for each bad one; the locations start with "query".
[[nodiscard]] result<void> check(const model::identity_query& query);

} // namespace ctms::json
