// SPDX-License-Identifier: MPL-2.0
#include "csv.hpp"

#include <algorithm>
#include <array>

namespace ctms::cli {
namespace {

constexpr int end_of_file = std::char_traits<char>::eof();

/// Calls `read` with the stream's buffer and returns the character. If the buffer throws, sets the stream's badbit, as the
/// functions of a stream do, and returns end_of_file.
template <class Read>
int guarded(std::istream& in, const Read& read) {
    try {
        return read(*in.rdbuf());
    } catch (const std::ios_base::failure&) {
        in.setstate(std::ios_base::badbit);
        return end_of_file;
    }
}

int take_from(std::istream& in) {
    return guarded(in, [](std::streambuf& source) { return source.sbumpc(); });
}

int next_of(std::istream& in) {
    return guarded(in, [](std::streambuf& source) { return source.sgetc(); });
}

/// Whether the text may begin a formula. `in_front`: the text is at the beginning of a cell, where spreadsheets skip blanks.
bool begins_formula(std::string_view text, bool in_front) {
    constexpr std::array signs{"=", "+", "-", "@", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
    if (in_front && !text.empty() && std::string_view("\t\r\n").find(text.front()) != std::string_view::npos) return true;
    return std::any_of(signs.begin(), signs.end(), [&](const char* sign) { return text.starts_with(sign); });
}

/// Copies `text`, and adds `change` apostrophes (or removes, if negative) before each place where a formula may begin.
std::string change_apostrophes(std::string_view text, int change) {
    std::string out;
    out.reserve(text.size() + 1);
    bool in_front = true;
    bool may_begin = true;
    while (!text.empty()) {
        const auto count = may_begin ? std::min(text.find_first_not_of('\''), text.size()) : 0;
        const bool formula = may_begin && begins_formula(text.substr(count), in_front);
        const int wanted = static_cast<int>(count) + (formula ? change : 0);
        out.append(static_cast<std::size_t>(std::max(wanted, 0)), '\'');
        text.remove_prefix(count);
        if (text.empty()) break;
        const char last = text.front();
        out += last;
        text.remove_prefix(1);
        in_front = false;
        may_begin = std::string_view(";\t\r\n").find(last) != std::string_view::npos;
    }
    return out;
}
/// Whether a carriage return before `next` belongs to a line end. At the end of the file it does, because the file may be truncated.
constexpr bool ends_line(int next) noexcept { return next == '\n' || next == end_of_file; }

} // namespace

bool read_line(std::istream& in, std::string& line, std::size_t limit) {
    line.clear();
    int c = take_from(in);
    if (c == end_of_file) return false;
    for (; c != end_of_file && c != '\n'; c = take_from(in)) {
        if (line.size() < limit) line += static_cast<char>(c);
    }
    if (line.ends_with('\r')) line.pop_back();
    return true;
}

/// Takes the next character and appends it to the record's text.
int csv_reader::take(csv_record& out) {
    const int c = take_from(in_);
    if (c == end_of_file) return c;
    if (out.text.size() < limit_) {
        out.text += static_cast<char>(c);
    } else if (out.problem.empty()) {
        out.problem = "the record is too long, perhaps because a quote is not closed";
    }
    if (c == '\n') ++line_;
    return c;
}

/// Reads the rest of a quoted field, from after the opening quote to the closing quote.
void csv_reader::read_quoted(csv_record& out, std::string& field) {
    for (int c = take(out); out.problem.empty(); c = take(out)) {
        if (c == end_of_file) {
            out.problem = "a quote is not closed";
            return;
        }
        if (c == '"') {
            if (next_of(in_) != '"') return;
            take(out);
        }
        field += static_cast<char>(c);
    }
}

/// Reads one field. Returns true if another field follows in this record.
bool csv_reader::read_field(csv_record& out) {
    std::string field;
    bool was_quoted = false;
    if (next_of(in_) == '"') {
        take(out);
        read_quoted(out, field);
        was_quoted = true;
    }
    int c = take(out);
    for (; c != separator_ && c != '\n' && c != end_of_file; c = take(out)) {
        if (c == '\r' && ends_line(next_of(in_))) continue;
        if ((was_quoted || c == '"') && out.problem.empty()) out.problem = "a quote in the middle of a field";
        if (field.size() < limit_) field += static_cast<char>(c);
    }
    if (out.problem.empty()) out.fields.push_back(unescape_formulas(field));
    return c == separator_;
}

bool csv_reader::next(csv_record& out) {
    for (;;) {
        out = {};
        out.line = line_;
        if (next_of(in_) == end_of_file) return false;
        while (read_field(out)) {
        }
        if (out.text.ends_with('\n')) out.text.pop_back();
        if (out.text.ends_with('\r')) out.text.pop_back();
        if (out.text.find_first_not_of('\r') != std::string::npos) return true;
    }
}

std::string escape_formulas(std::string_view text) { return change_apostrophes(text, 1); }

std::string unescape_formulas(std::string_view text) { return change_apostrophes(text, -1); }

void append_csv_field(std::string& row, std::string_view value, bool first) {
    if (!first) row += ',';
    const auto field = escape_formulas(value);
    if (field.find_first_of(",;\"\t\r\n") == std::string_view::npos) {
        row += field;
        return;
    }
    row += '"';
    for (const char c : field) row += c == '"' ? std::string("\"\"") : std::string(1, c);
    row += '"';
}

} // namespace ctms::cli
