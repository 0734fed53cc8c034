// SPDX-License-Identifier: MPL-2.0
// The file by which an orchestrator tells that the sync is alive: it holds the time of the last cycle (ISO 8601).
// Not thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/config/settings.hpp>

#include <chrono>
#include <filesystem>
#include <string>

namespace ctms::sync_app {

/// Writes `when`, atomically: a reader sees the old time or the new one. errc::unavailable when it cannot be written.
[[nodiscard]] result<void> write_health(const std::filesystem::path& file, timestamp when);

/// "" when the file holds a time that is at most `age` before `now`, else what is wrong.
[[nodiscard]] std::string check_health(const std::filesystem::path& file, std::chrono::seconds age, timestamp now);

/// The exit code of `ctms-sync --check-health`: 0, or 1 with a line on standard error. Other settings may be wrong.
[[nodiscard]] int health_exit_code(const config::getenv_fn& getenv);

} // namespace ctms::sync_app
