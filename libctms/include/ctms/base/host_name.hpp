// SPDX-License-Identifier: MPL-2.0
// The name of the machine, for logs and records. Thread safe.
#pragma once

#include <ctms/base/export.hpp>

#include <string>

namespace ctms {

/// Returns the name of this machine (gethostname(2)), at most 255 bytes; "" if the system does not tell it.
[[nodiscard]] CTMS_API std::string host_name();

} // namespace ctms
