// SPDX-License-Identifier: MPL-2.0
// Reads the weighted lists of the headers Accept and Accept-Encoding (RFC 9110, 12.4 and 12.5).
// Lenient: members that cannot be parsed are ignored. Pure functions, thread safe.
#pragma once

#include "message.hpp"

#include <string_view>

namespace ctms::web {

/// The weight in the parameters of an item (`q=0.5`), from 0 to 1; 1 if there is none.
[[nodiscard]] double weight_of(std::string_view parameters) noexcept;

/// Whether the client lists the media type `wanted` by name, with a weight at least that of `usual`. Wildcards do not count: a
/// client that accepts everything gets `usual`.
[[nodiscard]] bool prefers(const request& http, std::string_view wanted, std::string_view usual) noexcept;

} // namespace ctms::web
