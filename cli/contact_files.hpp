// SPDX-License-Identifier: MPL-2.0
// Files of contacts and of addresses, read one record at a time in constant memory. For one thread each.
#pragma once

#include "csv.hpp"

#include <ctms/base/result.hpp>
#include <ctms/json/schema.hpp>

#include <fstream>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// A file to read, "-" for standard input. errc::not_found (exit code 66 is the caller's business) when it cannot be opened.
class input_file {
public:
    [[nodiscard]] static result<input_file> open(const std::string& name);
    [[nodiscard]] std::istream& stream();
    /// True when reading broke off before the end.
    [[nodiscard]] bool failed();
    /// Its size in bytes; nullopt when it has none.
    [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }
    /// How far it was read, in bytes.
    [[nodiscard]] std::uint64_t position();

private:
    std::optional<std::ifstream> file_; ///< nullopt: standard input
    std::optional<std::uint64_t> size_;
};

/// One contact of a file.
struct contact_record {
    std::size_t line = 0;
    std::string original; ///< as it stands in the file
    std::string json;     ///< as the import takes it
    std::string problem;  ///< "" or why there is no `json`
};

enum class contact_format : std::uint8_t { ndjson, csv };

/// The contacts of a file, as NDJSON or as CSV with a header.
class contact_file {
public:
    /// errc::invalid for a header with columns that are not known, or twice.
    [[nodiscard]] static result<contact_file> open(const std::string& name, contact_format format);
    [[nodiscard]] bool next(contact_record& out);
    [[nodiscard]] input_file& file() { return file_; }

private:
    /// A column of the file: a field of the contact, or one of the lists.
    struct place {
        std::string_view group; ///< "" for one that is passed over
        std::string_view member;
    };
    explicit contact_file(input_file file) : file_(std::move(file)) {}
    [[nodiscard]] result<void> read_header();
    bool next_line(contact_record& out);
    bool next_row(contact_record& out);
    [[nodiscard]] std::string to_json(const std::vector<std::string>& cells) const;

    input_file file_;
    std::vector<place> places_; ///< of CSV
    bool is_csv_ = false;
    std::size_t line_ = 0;
};

/// One address of a file.
struct address_record {
    std::size_t line = 0;
    std::string address; ///< "" when the line holds none
};

/// The addresses of a file: one per line, or a CSV whose header has a column primary_email or email.
class address_file {
public:
    [[nodiscard]] static result<address_file> open(const std::string& name);
    /// Passes over blank lines. False at the end.
    [[nodiscard]] bool next(address_record& out);
    [[nodiscard]] input_file& file() { return file_; }

private:
    explicit address_file(input_file file) : file_(std::move(file)) {}

    input_file file_;
    std::optional<std::size_t> column_;  ///< of CSV
    std::optional<std::string> waiting_; ///< the first line, when it is not a header
    std::size_t line_ = 0;
};

} // namespace ctms::cli
