// SPDX-License-Identifier: MPL-2.0
// The list of all settings: the name of each, how it is read, and how it is shown.
#pragma once

#include "settings.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace ctms::config {

/// The longest lease of ctms-sync, in seconds: after a crash, contacts wait for so long at most.
inline constexpr std::int64_t longest_lease = 3'600;

struct rule {
    setting_info info;
    /// Checks the text and stores the value. Returns "" or "what is wrong; what is allowed".
    std::string (*take)(settings& into, const std::string& text);
    /// Returns the current value as text.
    std::string (*show)(const settings& from);
    bool required_by_sync = false;
};

/// In the order of the documentation.
[[nodiscard]] std::span<const rule> rules() noexcept;

} // namespace ctms::config
