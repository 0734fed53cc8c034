// SPDX-License-Identifier: MPL-2.0
// The file that shows an orchestrator that the sync is alive. It contains the time of the last cycle (ISO 8601).
// Not thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <support/config/settings.hpp>

#include <chrono>
#include <filesystem>
#include <string>

namespace ctms::sync_app {

/// Writes `when` atomically: a reader sees either the old time or the new one. Returns errc::unavailable if it cannot be written.
[[nodiscard]] result<void> write_health(const std::filesystem::path& file, timestamp when);

/// Returns "" if the file contains a time at most `age` before `now`, otherwise a description of the problem.
[[nodiscard]] std::string check_health(const std::filesystem::path& file, std::chrono::seconds age, timestamp now);

/// Runs `ctms-sync --check-health` and returns its exit code: 0, or 1 with a line on standard error. Other settings may be invalid.
[[nodiscard]] int health_exit_code(const config::getenv_fn& getenv);

} // namespace ctms::sync_app
