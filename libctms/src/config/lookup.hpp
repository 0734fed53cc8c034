// SPDX-License-Identifier: MPL-2.0
// Where the text of a setting comes from: its variable, or the file that NAME_FILE names.
#pragma once

#include <ctms/config/settings.hpp>

#include <string>
#include <string_view>

namespace ctms::config {

/// What was found: at most one of the two is not empty. An empty value is an unset one.
struct found_text {
    std::string text;
    std::string mistake; ///< "NAME: what is wrong; what is allowed"
};

[[nodiscard]] found_text look_up(std::string_view name, const getenv_fn& getenv);

} // namespace ctms::config
