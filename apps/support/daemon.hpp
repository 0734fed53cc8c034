// SPDX-License-Identifier: MPL-2.0
// The command line of a daemon: the flags that all have, its own, and its settings, read and checked before it runs.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/config/settings.hpp>

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
    const char* name; ///< of the program
    config::program who;
    const char* synopsis; ///< its flags, as in "[--embedded]"
    const char* purpose;  ///< one sentence
    const char* example;
    std::span<const flag> flags; ///< its own; --embedded, --print-config, --check-config, --version and --help are there without
};

using given_flags = std::set<std::string, std::less<>>;

/// Reads the command line and the settings, answers what needs no more than these, and calls `run` otherwise; what
/// that throws ends the program with a message. The exit code. `before_settings`, when set, is asked first and may
/// give the exit code of a flag that needs no good settings.
[[nodiscard]] int daemon_main(const daemon& program, int argc, char** argv,
                              const std::function<int(config::settings, const given_flags&)>& run,
                              const std::function<std::optional<int>(const given_flags&)>& before_settings = {});

/// Prints a failure to standard error; its exit code. errc::invalid is a matter of configuration here.
int report_failure(const char* program, const error& failure);

} // namespace ctms::support
