// SPDX-License-Identifier: MPL-2.0
// What of a text may stand in XML. The builders of requests, whose source this belongs to, are in ctms/acoustic/client.hpp.
// Pure and thread safe.
#pragma once

#include <string>
#include <string_view>

namespace ctms::acoustic {

/// The text without bytes that are no UTF-8 and without characters that XML 1.0 forbids, even as references: control
/// characters but tab and line ends, U+FFFE and U+FFFF.
[[nodiscard]] std::string xml_text(std::string_view text);

} // namespace ctms::acoustic
