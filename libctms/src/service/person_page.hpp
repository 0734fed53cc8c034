// SPDX-License-Identifier: MPL-2.0
// Writes parts of the page that shows a person what is held about them. All texts are escaped. Pure functions, thread safe.
#pragma once

#include <string>
#include <string_view>

namespace ctms::service {

/// Appends the heading of a part, and what it is.
void append_html_heading(std::string& out, std::string_view name, std::string_view meaning);

/// Appends a JSON object as a table of its members; those that are null are left out. Anything else is shown as a text.
void append_html_row(std::string& out, std::string_view json);

/// Appends the statement that a part has no rows.
void append_html_nothing(std::string& out);

/// Appends the text with the characters escaped that have a meaning in HTML.
void append_html_text(std::string& out, std::string_view text);

} // namespace ctms::service
