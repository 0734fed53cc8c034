// SPDX-License-Identifier: MPL-2.0
// Exceptions as text for the log. Thread safe; throws only std::bad_alloc.
#pragma once

#include <exception>
#include <string>

namespace ctms::support {

/// Returns "TYPE: what()".
[[nodiscard]] std::string exception_text(const std::exception& caught);

/// Returns the same, followed by " (thrown at FILE:LINE)" if the exception knows its place (BOOST_THROW_EXCEPTION).
[[nodiscard]] std::string traceback_text(const std::exception& caught);

} // namespace ctms::support
