// SPDX-License-Identifier: MPL-2.0
// The content of a json::body: a parsed document, or the reason why there is none.
#pragma once

#include "document.hpp"

#include <ctms/json/contact_json.hpp>

#include <optional>

namespace ctms::json {

class body::content {
public:
    std::optional<document> parsed; ///< nullopt: the body is not JSON or missing
    bool missing = false;           ///< there is no body
};

} // namespace ctms::json
