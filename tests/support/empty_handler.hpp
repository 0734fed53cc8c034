// SPDX-License-Identifier: MPL-2.0
// A handler for tables of routes whose handlers are not called. Pure function.
#pragma once

#include <web/server/route.hpp>

namespace ctms::test {

inline web::response empty_handler(web::call&, const web::services&) { return {}; }

} // namespace ctms::test
