// SPDX-License-Identifier: MPL-2.0
// Formats strings as Python displays them, because scripts read the output of the Python programs. Not for JSON, which has other quoting
// rules. Texts must be valid UTF-8. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>

namespace ctms::json {

/// Returns repr() of a str, with quotes. Characters that Unicode has not assigned are printed unchanged.
[[nodiscard]] CTMS_API std::string python_string_repr(std::string_view text);

} // namespace ctms::json
