// SPDX-License-Identifier: MPL-2.0
#include <ctms/auth/access_token.hpp>

#include "base/base64.hpp"

#include <algorithm>

namespace ctms::auth {

std::optional<credentials> parse_basic(std::string_view header_value) {
    const std::optional<std::string> text = base64_decode(header_value);
    if (!text) return std::nullopt;
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    const std::size_t colon = text->find(':');
    if (colon == std::string::npos || !std::all_of(text->begin(), text->end(), is_ascii)) return std::nullopt;
    return credentials{text->substr(0, colon), text->substr(colon + 1)};
}

} // namespace ctms::auth
