// SPDX-License-Identifier: MPL-2.0
// The exit codes of the programs, from sysexits(3), and the mapping from error codes to them.
#pragma once

#include <ctms/base/result.hpp>

namespace ctms::support {

enum exit_code : int {
    ok = 0,
    failed = 1,
    usage = 64,
    bad_data = 65,
    no_input = 66,
    no_user = 67, ///< an address or id belongs to no contact
    unavailable = 69,
    internal = 70,
    io_error = 74,
    temporary = 75,
    configuration = 78
};

/// The exit code for an error code.
[[nodiscard]] exit_code to_exit_code(errc code) noexcept;

} // namespace ctms::support
