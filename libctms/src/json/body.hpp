// SPDX-License-Identifier: MPL-2.0
// The content of a json::body: a value of a parsed document, or the reason why there is none.
#pragma once

#include "document.hpp"

#include <ctms/json/contact_json.hpp>

#include <memory>

namespace ctms::json {

class body::content {
public:
    std::shared_ptr<const document> owner; ///< of `root`; several bodies may share it
    const node* root = nullptr;            ///< null: the body is not JSON or missing
    bool missing = false;                  ///< there is no body
};

} // namespace ctms::json
