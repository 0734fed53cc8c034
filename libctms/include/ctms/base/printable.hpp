// SPDX-License-Identifier: MPL-2.0
// Untrusted text with escapes. For people: safe to show on a terminal, but not for output that programs read (files, pipes), which must
// stay exact. For scripts that read the output of the Python programs: repr(). The one place that decides which characters are shown as
// escapes. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <concepts>
#include <string>
#include <string_view>

namespace ctms {

/// Appends `text` and escapes every character that a terminal could interpret as a command or that changes how the rest is displayed:
/// `\x1b` for C0 controls, DEL and bytes that are not UTF-8; `\u{202e}` for C1 controls (ECMA-48), bidirectional controls (Unicode UAX #9,
/// CVE-2021-42574), line and paragraph separators, and most other invisible characters. Joiners (U+200C, U+200D) stay, because languages
/// and emoji need them. A backslash is not escaped.
CTMS_API void append_printable(std::string& out, std::string_view text);

/// Like append_printable, but returns the text.
[[nodiscard]] CTMS_API std::string printable(std::string_view text);

/// Like printable, but keeps line feeds and tabs.
[[nodiscard]] CTMS_API std::string printable_lines(std::string_view text);

/// Returns JSON with the same meaning in which these characters are JSON escapes (`\u202e`). `json` must be valid JSON; bytes that are not
/// UTF-8 become `\ufffd`. Line feeds and tabs between values stay.
[[nodiscard]] CTMS_API std::string printable_json(std::string json);

/// Returns repr() of a Python str, with quotes, because scripts read the output of the Python programs. Characters that Unicode has not
/// assigned are printed unchanged. `text` must be valid UTF-8.
[[nodiscard]] CTMS_API std::string python_string_repr(std::string_view text);

/// Returns a count with its noun: "1 contact", "2 contacts". `several` is the plural, if it is not `one` with an s.
template <std::integral Count>
[[nodiscard]] std::string counted(Count count, std::string_view one, std::string_view several = {}) {
    auto out = std::to_string(count) + ' ';
    if (count == 1) return out.append(one);
    return several.empty() ? out.append(one) + 's' : out.append(several);
}

} // namespace ctms
