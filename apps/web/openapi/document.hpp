// SPDX-License-Identifier: MPL-2.0
// The API's document in OpenAPI 3.0.2, made from the route table, the texts of its calls and the library's schemas.
// Pure functions; they build the text again with every call.
#pragma once

#include "calls.hpp"

#include <web/server/route.hpp>

#include <span>
#include <string>

namespace ctms::web::openapi {

/// The text of a route's call; nullptr when the document does not show it.
[[nodiscard]] const call_text* find_text(const route& one, std::span<const call_text> texts) noexcept;

/// The document as compact JSON: the calls that have a text, in the order of the routes.
[[nodiscard]] std::string document(std::span<const route> routes = all_routes(), std::span<const call_text> texts = shown_calls());

} // namespace ctms::web::openapi
