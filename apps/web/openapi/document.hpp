// SPDX-License-Identifier: MPL-2.0
// The OpenAPI 3.0.3 document of the API, made from the route table, the texts of the calls and the library's schemas.
// Pure functions; each call builds the text again.
#pragma once

#include "calls.hpp"

#include <web/server/route.hpp>

#include <span>
#include <string>

namespace ctms::web::openapi {

/// The text for a route; nullptr if the document does not show the route.
[[nodiscard]] const call_text* find_text(const route& one, std::span<const call_text> texts) noexcept;

/// The document as compact JSON. It contains the calls that have a text, in the order of the routes.
[[nodiscard]] std::string document(std::span<const route> routes, std::span<const call_text> texts);

} // namespace ctms::web::openapi
