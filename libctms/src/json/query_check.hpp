// SPDX-License-Identifier: MPL-2.0
// Checks a lookup that a program filled in. Pure function, thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/contact.hpp>

namespace ctms::json {

/// Checks that the database can take every string. errc::invalid with one field_error for each bad one; the locations start with "query".
[[nodiscard]] result<void> check(const model::identity_query& query);

} // namespace ctms::json
