// SPDX-License-Identifier: MPL-2.0
// What clients take: lists of choices with weights, as Accept and Accept-Encoding have them (RFC 9110, 12.4 and 12.5).
// Lenient: what cannot be read counts as if it were not there. Pure functions, thread safe.
#pragma once

#include "message.hpp"

#include <string_view>

namespace ctms::web {

/// Takes the next item off the front of a list; without the blanks around it.
[[nodiscard]] std::string_view next_item(std::string_view& list, char separator) noexcept;

/// The weight among the parameters of an item (`q=0.5`), 0 to 1: 1 when there is none.
[[nodiscard]] double weight_of(std::string_view parameters) noexcept;

/// True when the client names the media type `wanted`, with a weight that is no less than that of `usual`. A wildcard names
/// nothing: who takes everything gets what is usual.
[[nodiscard]] bool prefers(const request& http, std::string_view wanted, std::string_view usual) noexcept;

} // namespace ctms::web
