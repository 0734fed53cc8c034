// SPDX-License-Identifier: MPL-2.0
#include "csv.hpp"

namespace ctms::cli {
namespace {

constexpr int end_of_file = std::char_traits<char>::eof();

/// True for what makes a line end of a carriage return before it: also the end of the file, where a file was cut in two.
constexpr bool ends_line(int next) noexcept { return next == '\n' || next == end_of_file; }

/// Takes a byte order mark if there is one; what only begins like one stays.
void skip_mark(std::streambuf& source) {
    std::size_t taken = 0;
    for (const char part : std::string_view("\xEF\xBB\xBF")) {
        if (source.sgetc() != std::char_traits<char>::to_int_type(part)) break;
        source.sbumpc();
        ++taken;
    }
    for (; taken % 3 != 0; --taken) source.sungetc();
}

} // namespace

bool read_line(std::istream& in, std::string& line, std::size_t limit) {
    line.clear();
    auto* source = in.rdbuf();
    int c = source->sbumpc();
    if (c == end_of_file) return false;
    for (; c != end_of_file && c != '\n'; c = source->sbumpc()) {
        if (line.size() < limit) line += static_cast<char>(c);
    }
    if (line.ends_with('\r')) line.pop_back();
    return true;
}

/// The next character, kept in the record's text.
int csv_reader::take(csv_record& out) {
    auto* source = in_.rdbuf();
    int c = source->sbumpc();
    if (c == end_of_file) return c;
    if (out.text.size() < limit_) {
        out.text += static_cast<char>(c);
    } else if (out.problem.empty()) {
        out.problem = "longer than a record may be, perhaps for a quote that is not closed";
    }
    if (c == '\n') ++line_;
    return c;
}

/// Behind the opening quote; to the closing one.
void csv_reader::read_quoted(csv_record& out, std::string& field) {
    for (int c = take(out); out.problem.empty(); c = take(out)) {
        if (c == end_of_file) {
            out.problem = "a quote is not closed";
            return;
        }
        if (c == '"') {
            if (in_.rdbuf()->sgetc() != '"') return;
            take(out);
        }
        field += static_cast<char>(c);
    }
}

/// True when another field follows in this record.
bool csv_reader::read_field(csv_record& out) {
    std::string field;
    bool was_quoted = false;
    if (in_.rdbuf()->sgetc() == '"') {
        take(out);
        read_quoted(out, field);
        was_quoted = true;
    }
    int c = take(out);
    for (; c != ',' && c != '\n' && c != end_of_file; c = take(out)) {
        if (c == '\r' && ends_line(in_.rdbuf()->sgetc())) continue;
        if ((was_quoted || c == '"') && out.problem.empty()) out.problem = "a quote in the middle of a field";
        if (field.size() < limit_) field += static_cast<char>(c);
    }
    if (out.problem.empty()) out.fields.push_back(std::move(field));
    return c == ',';
}

bool csv_reader::next(csv_record& out) {
    if (line_ == 1) skip_mark(*in_.rdbuf());
    for (;;) {
        out = {};
        out.line = line_;
        if (in_.rdbuf()->sgetc() == end_of_file) return false;
        while (read_field(out)) {
        }
        if (out.text.ends_with('\n')) out.text.pop_back();
        if (out.text.ends_with('\r')) out.text.pop_back();
        if (out.text.find_first_not_of('\r') != std::string::npos) return true;
    }
}

void append_csv_field(std::string& row, std::string_view field, bool first) {
    if (!first) row += ',';
    if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
        row += field;
        return;
    }
    row += '"';
    for (const char c : field) row += c == '"' ? std::string("\"\"") : std::string(1, c);
    row += '"';
}

} // namespace ctms::cli
