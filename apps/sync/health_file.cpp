// SPDX-License-Identifier: MPL-2.0
#include "health_file.hpp"

#include <ctms/base/files.hpp>
#include <ctms/base/printable.hpp>
#include <support/exit_codes.hpp>
#include <support/standard_streams.hpp>

#include <fmt/core.h>

#include <cstdio>
#include <optional>

namespace ctms::sync_app {
namespace {

// Parses "2026-01-31T12:00:00.000000+00:00", the format of write_health().
std::optional<timestamp> parse_time(const std::string& text) {
    const auto day = parse_date(std::string_view(text).substr(0, 10));
    int hours = 0;
    int minutes = 0;
    double seconds = 0;
    if (!day || std::sscanf(text.c_str() + 10, "T%2d:%2d:%lf", &hours, &minutes, &seconds) != 3) return std::nullopt;
    const auto of_day = std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::duration<double>(seconds);
    return std::chrono::sys_days(*day) + std::chrono::duration_cast<std::chrono::microseconds>(of_day);
}

} // namespace

result<void> write_health(const std::filesystem::path& file, timestamp when) {
    // The file is readable for other accounts. It is not flushed to disk, because each cycle writes it again.
    auto out = new_file::create(file.string(), {.mode = 0644, .durable = false, .waits = false});
    if (!out) return out.error();
    (void)out->write(to_iso(when) + '\n');
    return out->commit();
}

std::string check_health(const std::filesystem::path& file, std::chrono::seconds age, timestamp now) {
    constexpr std::size_t longest = 100; // a time and a line feed
    const auto read = read_small_file(file.string(), longest);
    if (!read) return fmt::format("{}: {}", read.error().message, read.error().detail);
    const auto text = read->substr(0, read->find('\n'));
    const auto when = text.size() > 10 ? parse_time(text) : std::nullopt;
    if (!when) return fmt::format("{} does not contain a time", file.string());
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - *when);
    if (passed < -age) return fmt::format("the last cycle ended {} s in the future: the clock was set back", -passed.count());
    if (passed > age) return fmt::format("the last cycle ended {} s ago; at most {} s are allowed", passed.count(), age.count());
    return {};
}

int health_exit_code(const config::getenv_fn& getenv) {
    const auto settings = config::read(config::program::sync, false, getenv).values;
    std::string problem;
    if (!settings.background_healthcheck_path) {
        problem = "CTMS_BACKGROUND_HEALTHCHECK_PATH is not set";
    } else if (!settings.background_healthcheck_age) {
        problem = "CTMS_BACKGROUND_HEALTHCHECK_AGE_S is not set to a number of seconds";
    } else {
        problem = check_health(*settings.background_healthcheck_path, *settings.background_healthcheck_age, ctms::now());
    }
    if (problem.empty()) return support::ok;
    support::print_to_stderr(fmt::format("ctms-sync: not healthy: {}\n", printable(problem)));
    return support::failed;
}

} // namespace ctms::sync_app
