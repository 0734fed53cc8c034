// SPDX-License-Identifier: MPL-2.0
// Text from strangers, made safe to show on a terminal: the one place that decides which characters are shown as escapes.
// Not for output that programs read (files, pipes): that stays exact. Thread safe, no exceptions but std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>

namespace ctms {

/// Appends `text` with an escape for everything that a terminal could take for a command or that changes how a reader sees
/// the rest. `\x1b` for C0 controls, DEL and bytes that are not UTF-8; `\u{202e}` for C1 controls (ECMA-48), bidirectional
/// controls (Unicode UAX #9, CVE-2021-42574), line and paragraph separators, and most other characters without a shape.
/// Joiners (U+200C, U+200D) stay: languages and emoji need them. A backslash stays as it is.
CTMS_API void append_printable(std::string& out, std::string_view text);

/// As append_printable, as a value.
[[nodiscard]] CTMS_API std::string printable(std::string_view text);

/// The same for a text of several lines: line feeds and tabs stay.
[[nodiscard]] CTMS_API std::string printable_lines(std::string_view text);

/// JSON with the same meaning, in which these characters are JSON escapes (`\u202e`). `json` must be valid JSON; bytes that
/// are not UTF-8 become `\ufffd`. Line feeds and tabs between values stay.
[[nodiscard]] CTMS_API std::string printable_json(std::string json);

} // namespace ctms
