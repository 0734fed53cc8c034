// SPDX-License-Identifier: MPL-2.0
// The two shapes of a line. Pure functions: what is put in comes out, already clean, with its '\n'.
#pragma once

#include <ctms/mozlog/logger.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace ctms::mozlog {

/// One event, with texts that are clean already.
struct event {
    std::chrono::system_clock::time_point when;
    severity level = severity::info;
    std::string_view type;
    std::string_view members; ///< of Fields, as JSON without the braces
    std::string_view message;
};

/// MozLog 2.0.
[[nodiscard]] std::string json_line(const event& what, const options& opts, int pid);

/// `2021-12-07 19:58:47.116 INFO  ctms.web message field=value`, UTC. Control characters are escaped, so that
/// nothing logged can play tricks on a terminal.
[[nodiscard]] std::string console_line(const event& what, bool color);

} // namespace ctms::mozlog
