// SPDX-License-Identifier: MPL-2.0
// CSV as defined in RFC 4180, with any separator: quoted fields may contain separators, line ends and doubled quotes. Reads
// one record at a time in constant memory, and keeps the record's text and line number for error messages. Blank lines are
// skipped, and line ends may be CRLF or LF (text_source.hpp decodes other files). Use each reader on one thread; it reads no
// characters beyond the record that it returns.
//
// Spreadsheets treat a cell as a formula if it begins with certain characters (OWASP, "CSV Injection",
// https://owasp.org/www-community/attacks/CSV_Injection; CWE-1236). Writing puts an apostrophe before such a cell, and
// reading removes it: see escape_formulas().
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

struct csv_record {
    std::size_t line = 0;            ///< the line where the record begins, from 1
    std::string text;                ///< the text in the file, without the last line end
    std::vector<std::string> fields; ///< unquoted, without the apostrophes of escape_formulas()
    std::string problem;             ///< why the record is invalid; "" if it is valid
};

/// Reads a line without its line end, at most `limit` bytes; drops the rest of a longer line. Returns false at the end of the input.
[[nodiscard]] bool read_line(std::istream& in, std::string& line, std::size_t limit);

/// The separators that spreadsheets and vendors use.
inline constexpr std::string_view csv_separators = ",;\t|";

class csv_reader {
public:
    /// A record of more than `limit` bytes is invalid, so that an unclosed quote does not consume the rest of the file.
    explicit csv_reader(std::istream& in, std::size_t limit = 1U << 20U, char separator = ',')
        : in_(in), limit_(limit), separator_(separator) {}

    /// Reads the next record, valid or not. Returns false at the end of the input.
    [[nodiscard]] bool next(csv_record& out);
    /// The line where the next record begins.
    [[nodiscard]] std::size_t line() const { return line_; }

private:
    int take(csv_record& out);
    void read_quoted(csv_record& out, std::string& field);
    bool read_field(csv_record& out);

    std::istream& in_;
    std::size_t limit_;
    char separator_;
    std::size_t line_ = 1;
};

/// Adds an apostrophe wherever a formula could begin: before one of `= + - @` or their full-width forms, including apostrophes
/// in front of it, at the beginning of the text and after each `;`, tab, CR and LF (where a spreadsheet with another separator
/// begins a cell); also before a tab, CR or LF at the beginning of the text. Leaves the rest of the text unchanged.
[[nodiscard]] std::string escape_formulas(std::string_view text);

/// Reverses escape_formulas(): unescape_formulas(escape_formulas(x)) == x for every x. In a text that was not escaped, removes
/// one apostrophe wherever apostrophes precede such a character in such a place, and changes nothing else.
[[nodiscard]] std::string unescape_formulas(std::string_view text);

/// Appends a field to a row: escapes formulas, quotes the field if necessary, and puts a comma before it unless it is the first.
void append_csv_field(std::string& row, std::string_view field, bool first);

} // namespace ctms::cli
