// SPDX-License-Identifier: MPL-2.0
// What a json::body holds: a parsed document, or why there is none.
#pragma once

#include "document.hpp"

#include <ctms/json/contact_json.hpp>

#include <optional>

namespace ctms::json {

class body::content {
public:
    std::optional<document> parsed; ///< nullopt: not sent as JSON, or not sent at all
    bool missing = false;           ///< not sent at all
};

} // namespace ctms::json
