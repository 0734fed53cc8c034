// SPDX-License-Identifier: MPL-2.0
// The command line of a daemon: reads and checks the common flags, the daemon's own flags and the settings before it runs.
#pragma once

#include <ctms/base/result.hpp>
#include <support/config/settings.hpp>

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace ctms::support {

struct flag {
    const char* name; ///< without the dashes
    const char* text; ///< for --help
};

struct daemon {
    const char* name; ///< the program's name
    config::program who;
    const char* synopsis; ///< the flags, as in "[--embedded]"
    const char* purpose;  ///< one sentence
    const char* example;
    std::span<const flag> flags; ///< in addition to --embedded, --print-config, --check-config, --version and --help
};

using given_flags = std::set<std::string, std::less<>>;

/// Reads the command line and the settings, handles the common flags, and otherwise calls `run`; an exception from it is
/// reported. Returns the exit code of the program. `before_settings`, if set, is called before the settings are read, and
/// returns an exit code if it has handled a flag that does not need valid settings.
[[nodiscard]] int daemon_main(const daemon& program, int argc, char** argv,
                              const std::function<int(config::settings, const given_flags&)>& run,
                              const std::function<std::optional<int>(const given_flags&)>& before_settings = {});

/// Prints a failure to standard error and returns its exit code. Treats errc::invalid as a configuration error.
int report_failure(const char* program, const error& failure);

} // namespace ctms::support
