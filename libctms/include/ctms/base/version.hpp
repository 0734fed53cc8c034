// SPDX-License-Identifier: MPL-2.0
// Which build this is. Values come from the build system; the commit is "" outside a git checkout.
#pragma once

#include <ctms/base/export.hpp>

#include <string_view>

namespace ctms {

/// The release, e.g. "0.1.0".
[[nodiscard]] CTMS_API std::string_view version() noexcept;
/// The git commit of the source tree when it was configured, 40 hex digits, or "".
[[nodiscard]] CTMS_API std::string_view commit() noexcept;

} // namespace ctms
