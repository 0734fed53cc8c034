// SPDX-License-Identifier: MPL-2.0
// How the programs end: exit codes of sysexits(3), and the one table from error codes to them.
#pragma once

#include <ctms/base/result.hpp>

namespace ctms::support {

enum exit_code : int {
    ok = 0,
    failed = 1,
    usage = 64,
    bad_data = 65,
    no_input = 66,
    unavailable = 69,
    internal = 70,
    temporary = 75,
    configuration = 78
};

/// The exit code that tells a script what kind of failure it was.
[[nodiscard]] exit_code to_exit_code(errc code) noexcept;

} // namespace ctms::support
