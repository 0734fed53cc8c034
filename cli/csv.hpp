// SPDX-License-Identifier: MPL-2.0
// CSV as RFC 4180 has it: quoted fields with commas, line ends and doubled quotes. Reads one record at a time, in constant
// memory, and keeps the record's own text and line, for whoever must show what was wrong with it. Blank lines are passed
// over, line ends may be CRLF or LF, a byte order mark is skipped. A reader belongs to one thread; it reads no character
// beyond the record it gives back.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

struct csv_record {
    std::size_t line = 0;            ///< where it begins, from 1
    std::string text;                ///< as it stands in the file, without its last line end
    std::vector<std::string> fields; ///< unquoted
    std::string problem;             ///< why it is no record; "" when it is one
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

/// Appends a field to a row, quoted where it must be, with a comma before all but the first.
void append_csv_field(std::string& row, std::string_view field, bool first);

} // namespace ctms::cli
