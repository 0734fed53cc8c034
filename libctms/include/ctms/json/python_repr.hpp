// SPDX-License-Identifier: MPL-2.0
// Strings as Python shows them: scripts read the texts of the reference's programs. Not for JSON, which has quotes of its own.
// Texts are valid UTF-8. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>

namespace ctms::json {

/// repr() of a str, in quotes. Characters that Unicode has not assigned are printed as they are.
[[nodiscard]] CTMS_API std::string python_string_repr(std::string_view text);

} // namespace ctms::json
