// SPDX-License-Identifier: MPL-2.0
// The version of this build, as set by the build system.
#pragma once

#include <ctms/base/export.hpp>

#include <string_view>

namespace ctms {

/// Returns the release, such as "0.1.0".
[[nodiscard]] CTMS_API std::string_view version() noexcept;
/// Returns the git commit of the source tree at configuration time, 40 hex digits; "" outside a git checkout.
[[nodiscard]] CTMS_API std::string_view commit() noexcept;

} // namespace ctms
