// SPDX-License-Identifier: MPL-2.0
// The two formats of a log line. Pure functions: the input must already be clean; the output ends with '\n'.
#pragma once

#include <ctms/mozlog/logger.hpp>

#include <string>
#include <string_view>

namespace ctms::mozlog {

/// One line in MozLog 2.0.
[[nodiscard]] std::string json_line(const record& what, const options& opts, int pid);

/// `2021-12-07 19:58:47.116 INFO  ctms.web message field=value`, in UTC. Escapes control characters, so that
/// logged text cannot manipulate a terminal.
[[nodiscard]] std::string console_line(const record& what, bool color);

} // namespace ctms::mozlog
