// SPDX-License-Identifier: MPL-2.0
// CSV as RFC 4180 has it: quoted fields with commas, line ends and doubled quotes. Reads one record at a time, in constant
// memory, and keeps the record's own text and line, for whoever must show what was wrong with it. Blank lines are passed
// over, line ends may be CRLF or LF, a byte order mark is skipped. A reader belongs to one thread; it reads no character
// beyond the record it gives back.
//
// Spreadsheets take a cell for a formula when it begins with certain characters (OWASP, "CSV Injection",
// https://owasp.org/www-community/attacks/CSV_Injection; CWE-1236). Writing puts an apostrophe before such a cell, and
// reading takes it away: see escape_formulas.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

struct csv_record {
    std::size_t line = 0;            ///< where it begins, from 1
    std::string text;                ///< as it stands in the file, without its last line end
    std::vector<std::string> fields; ///< unquoted, without the apostrophes of escape_formulas
    std::string problem;             ///< why it is not a record; "" when it is one
};

/// Reads a line without its end, of at most `limit` bytes: the rest of a longer one is dropped. False at the end.
[[nodiscard]] bool read_line(std::istream& in, std::string& line, std::size_t limit);

class csv_reader {
public:
    /// A record of more bytes than `limit` is none: so an open quote does not swallow the file.
    explicit csv_reader(std::istream& in, std::size_t limit = 1U << 20U) : in_(in), limit_(limit) {}

    /// The next record, good or not. False at the end.
    [[nodiscard]] bool next(csv_record& out);
    /// The line that the next record begins on.
    [[nodiscard]] std::size_t line() const { return line_; }

private:
    int take(csv_record& out);
    void read_quoted(csv_record& out, std::string& field);
    bool read_field(csv_record& out);

    std::istream& in_;
    std::size_t limit_;
    std::size_t line_ = 1;
};

/// `text` with one more apostrophe wherever a formula could begin: before any apostrophes that precede one of `= + - @` or a
/// full-width form of these, at the beginning and after each `;`, tab, CR and LF (a spreadsheet that splits at another
/// separator than the comma begins a cell there); at the beginning before a tab, CR or LF too. Any other text stays as it is.
[[nodiscard]] std::string escape_formulas(std::string_view text);

/// The reverse: unescape_formulas(escape_formulas(x)) == x for every x. Of a text that was not escaped, one apostrophe goes
/// where apostrophes precede such a character at such a place, and nothing else.
[[nodiscard]] std::string unescape_formulas(std::string_view text);

/// Appends a field to a row, its formulas escaped, quoted where it must be, with a comma before all but the first.
void append_csv_field(std::string& row, std::string_view field, bool first);

} // namespace ctms::cli
