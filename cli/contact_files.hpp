// SPDX-License-Identifier: MPL-2.0
// Files of contacts, read one record at a time in constant memory. For one thread each.
#pragma once

#include "csv.hpp"
#include "text_source.hpp"

#include <ctms/base/result.hpp>
#include <ctms/json/schema.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// One contact of a file.
struct contact_record {
    std::size_t line = 0;
    std::string original; ///< as it stands in the file
    std::string json;     ///< as the import takes it
    std::string problem;  ///< "" or why there is no `json`
};

enum class contact_format : std::uint8_t { ndjson, csv };

/// The contacts of a file: NDJSON, or CSV with a header and any separator.
class contact_file {
public:
    /// `format`: nullopt if the content decides. `exact`: keeps what surrounds the values of CSV. errc::not_found if the file cannot be
    /// read; errc::invalid for a header with columns that are not known, or twice, for a file that is not NDJSON, and for one that has no
    /// text.
    [[nodiscard]] static result<contact_file> open(const std::string& name, std::optional<contact_format> format, bool exact = false);
    [[nodiscard]] bool next(contact_record& out);
    [[nodiscard]] text_source& source() { return source_; }
    /// Returns the reason of a rejection with the names that the file uses: of CSV, the columns.
    [[nodiscard]] std::string in_terms_of_file(std::string reason) const;

private:
    /// A column of the file: a field of the contact, or one of the lists.
    struct place {
        std::string_view group; ///< "" for one that is ignored
        std::string_view member;
        std::string name;
    };
    explicit contact_file(text_source source) : source_(std::move(source)) {}
    [[nodiscard]] result<void> begin(const std::string& name, std::optional<contact_format> format);
    [[nodiscard]] result<void> read_header(const std::string& line, std::optional<char> separator);
    bool next_line(contact_record& out);
    bool next_row(contact_record& out);
    /// Returns the problem of the row; "" if there is none.
    [[nodiscard]] std::string to_json(const std::vector<std::string>& cells, std::string& out) const;

    text_source source_;
    bool exact_ = false;
    std::vector<place> places_;          ///< of CSV
    std::optional<csv_reader> rows_;     ///< of CSV, after the header
    std::optional<std::string> waiting_; ///< the first line of NDJSON
    std::size_t line_ = 0;               ///< lines that were read; of CSV, the lines up to the header
};

} // namespace ctms::cli
