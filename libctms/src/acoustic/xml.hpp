// SPDX-License-Identifier: MPL-2.0
// Cleans text for XML. The functions that build requests are in the same source, but declared in ctms/acoustic/client.hpp.
// Pure and thread safe.
#pragma once

#include <pugixml.hpp>

#include <string>
#include <string_view>

namespace ctms::acoustic {

/// The text without bytes that are not UTF-8 and without characters that XML 1.0 forbids, even as references: control
/// characters except tab and line breaks, U+FFFE and U+FFFF.
[[nodiscard]] std::string xml_text(std::string_view text);

/// The document in UTF-8, without a declaration and without white space between elements.
[[nodiscard]] std::string to_text(const pugi::xml_document& document);

} // namespace ctms::acoustic
