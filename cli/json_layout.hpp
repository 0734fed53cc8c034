// SPDX-License-Identifier: MPL-2.0
// Formats JSON for people. Changes only white space, so that numbers and strings stay as they were written. Pure function.
#pragma once

#include <string>
#include <string_view>

namespace ctms::cli {

/// Formats `json`, which must be valid, over several lines with two spaces per level. Throws only std::bad_alloc.
[[nodiscard]] std::string lay_out_json(std::string_view json);

} // namespace ctms::cli
