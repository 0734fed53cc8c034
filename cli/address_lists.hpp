// SPDX-License-Identifier: MPL-2.0
// Lists of addresses in the files that people have: one address per line, CSV with any separator, JSON (one object per line, or a list).
// Reads one record at a time in constant memory. For one thread.
#pragma once

#include "csv.hpp"
#include "text_source.hpp"

#include <ctms/base/result.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// One address of a list.
struct address_record {
    std::size_t line = 0;
    std::string address;
    std::string problem; ///< why there is no address; contains nothing from the file; "" if there is one
};

/// Reads the only address of a text: "jane@example.com", "<jane@example.com>", "Jane <jane@example.com>", "jane@example.com (Jane)",
/// "mailto:jane@example.com?subject=x", each with blanks and quotes around it. Sets the address or the problem of the result; both are ""
/// for a blank text.
[[nodiscard]] address_record read_address(std::string_view text);

/// The list. Blank records are skipped.
class address_list {
public:
    /// Opens a file ("-" is standard input) and finds its format and the addresses: from the name of the column, or the only column that
    /// contains addresses. `column`: the column to use: its name, its number in CSV, or its path in JSON ("email.primary_email").
    /// errc::not_found if the file cannot be read; errc::invalid, with what to do, if it has no text or it is not clear where the addresses
    /// are. A JSON list without elements and a table that only has a header are lists without addresses.
    [[nodiscard]] static result<address_list> open(const std::string& name, const std::optional<std::string>& column);

    /// Returns false at the end. Reads from the beginning after open() and rewind().
    [[nodiscard]] bool next(address_record& out);
    void rewind();
    /// Returns true if the file could not be read to its end.
    [[nodiscard]] bool failed() { return source_.failed(); }
    /// Describes the column for people: "column 2 ('recipient')"; "" if every line is an address, or there is none.
    [[nodiscard]] std::string place() const;

private:
    enum class format : std::uint8_t { lines, csv, json_lines, json_list };
    enum class json_place : std::uint8_t { before, inside, after }; ///< relative to the list
    struct cell {
        std::size_t column = 0;
        std::string text;
    };
    struct row {
        std::size_t line = 0;
        std::vector<cell> cells;
        std::string problem;
    };
    /// A way to read the file.
    struct layout {
        format what = format::lines;
        char separator = ',';
        bool has_separator_line = false; ///< the first line is "sep=;"
        bool has_header = false;
        std::size_t column = 0;
        std::vector<std::string> names{}; ///< of the columns; of JSON, the paths seen so far
        std::size_t good = 0;             ///< records of the sample from which an address was read
        std::string problem{};            ///< why it cannot be used
    };
    class chooser;

    explicit address_list(text_source source) : source_(std::move(source)) {}
    void begin(layout how);
    bool next_row(row& out);
    bool next_line(row& out);
    bool next_csv(row& out);
    bool next_json(row& out);
    bool next_json_text(std::string& text, std::string& problem);
    void skip_rest();

    text_source source_;
    layout layout_;
    std::optional<csv_reader> csv_;
    std::size_t line_ = 0;
    json_place json_place_ = json_place::before;
};

} // namespace ctms::cli
