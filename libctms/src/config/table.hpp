// SPDX-License-Identifier: MPL-2.0
// The one list of all settings: what each is called, how it is read, and how it is shown.
#pragma once

#include <ctms/config/settings.hpp>

#include <span>
#include <string>

namespace ctms::config {

struct rule {
    setting_info info;
    /// Checks the text and keeps the value. Returns "" or "what is wrong; what is allowed".
    std::string (*take)(settings& into, const std::string& text);
    /// The value in force as text; null for what has no member of settings yet.
    std::string (*show)(const settings& from);
    bool required_by_sync = false;
};

/// In the order of the documentation.
[[nodiscard]] std::span<const rule> rules() noexcept;

} // namespace ctms::config
