// SPDX-License-Identifier: MPL-2.0
// The two formats of a log line. Pure functions: the input must already be clean; the output ends with '\n'.
#pragma once

#include <ctms/mozlog/logger.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace ctms::mozlog {

/// One event, whose texts are already clean.
struct event {
    std::chrono::system_clock::time_point when;
    severity level = severity::info;
    std::string_view type;
    std::string_view members; ///< the members of Fields, as JSON without the braces
    std::string_view message;
};

/// One line in MozLog 2.0.
[[nodiscard]] std::string json_line(const event& what, const options& opts, int pid);

/// `2021-12-07 19:58:47.116 INFO  ctms.web message field=value`, in UTC. Escapes control characters, so that
/// logged text cannot manipulate a terminal.
[[nodiscard]] std::string console_line(const event& what, bool color);

} // namespace ctms::mozlog
