// SPDX-License-Identifier: MPL-2.0
// Looks up the text of a setting: in its variable, or in the file that NAME_FILE names.
#pragma once

#include "settings.hpp"

#include <string>
#include <string_view>

namespace ctms::config {

/// The result. At most one member is not empty. An empty value counts as not set.
struct found_text {
    std::string text;
    std::string mistake; ///< "NAME: what is wrong; what is allowed"
};

[[nodiscard]] found_text look_up(std::string_view name, const getenv_fn& getenv);

} // namespace ctms::config
