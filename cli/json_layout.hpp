// SPDX-License-Identifier: MPL-2.0
// JSON laid out for people: only white space changes, so that numbers and strings stay as they were written. Pure function.
#pragma once

#include <string>
#include <string_view>

namespace ctms::cli {

/// `json`, which must be valid, over several lines with two spaces a level. Throws only std::bad_alloc.
[[nodiscard]] std::string lay_out_json(std::string_view json);

} // namespace ctms::cli
