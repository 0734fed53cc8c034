// SPDX-License-Identifier: MPL-2.0
// Times as texts. Private to this folder. Pure functions.
#pragma once

#include <ctms/model/updates_query.hpp>

#include <optional>
#include <string_view>

namespace ctms::json {

/// Reads `YYYY-M-D[T ]H:M[:S[.ffffff]][offset]`, as pydantic 1 does.
[[nodiscard]] std::optional<model::moment> parse_moment(std::string_view text);

} // namespace ctms::json
