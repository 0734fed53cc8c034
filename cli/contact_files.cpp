// SPDX-License-Identifier: MPL-2.0
#include "contact_files.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

namespace ctms::cli {
namespace {

// What the largest contact of the API takes, by far.
constexpr std::size_t longest_line = 4U << 20U;
constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

bool is_address(std::string_view text) {
    return text.find('@') != std::string_view::npos && text.find('\0') == std::string_view::npos && is_valid_utf8(text);
}

/// "a;b" as [{"name":"a"},{"name":"b"}].
void append_names(std::string& out, std::string_view cell) {
    std::vector<std::string_view> names;
    while (!cell.empty()) {
        const auto end = std::min(cell.find(';'), cell.size());
        if (const auto name = trimmed(cell.substr(0, end)); !name.empty()) names.push_back(name);
        cell.remove_prefix(std::min(end + 1, cell.size()));
    }
    append_json_array(out, names, [](std::string& to, std::string_view name) {
        object_writer writer(to);
        writer.add("name", name);
        writer.close();
    });
}

} // namespace

// ---- the file itself -------------------------------------------------------------------------------

result<input_file> input_file::open(const std::string& name) {
    input_file out;
    if (name == "-") return out;
    std::error_code no_size;
    const auto size = std::filesystem::file_size(name, no_size);
    if (!no_size) out.size_ = size;
    out.file_.emplace(name, std::ios::binary);
    const bool is_directory = std::filesystem::is_directory(name, no_size);
    if (!*out.file_ || is_directory) {
        return not_found(fmt::format("{} cannot be opened", name), std::strerror(is_directory ? EISDIR : errno));
    }
    return out;
}

std::istream& input_file::stream() { return file_ ? *file_ : std::cin; }

bool input_file::failed() { return stream().bad(); }

std::uint64_t input_file::position() {
    if (!file_) return 0;
    const auto at = file_->rdbuf()->pubseekoff(0, std::ios::cur, std::ios::in);
    return at < 0 ? 0 : static_cast<std::uint64_t>(at);
}

// ---- contacts --------------------------------------------------------------------------------------

result<contact_file> contact_file::open(const std::string& name, contact_format format) {
    auto file = input_file::open(name);
    if (!file) return file.error();
    contact_file out(std::move(*file));
    out.is_csv_ = format == contact_format::csv;
    if (out.is_csv_) {
        if (auto header = out.read_header(); !header) return header.error();
    }
    return out;
}

result<void> contact_file::read_header() {
    csv_reader reader(file_.stream());
    csv_record header;
    if (!reader.next(header) || !header.problem.empty()) return invalid("the file has no header: its first line must name the columns");
    line_ = reader.line();
    const auto& known = json::contact_columns();
    for (const auto& field : header.fields) {
        const auto name = trimmed(field);
        const auto column = std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.name == name; });
        place where;
        if (name == "newsletters" || name == "waitlists") {
            where = {name == "newsletters" ? "newsletters" : "waitlists", {}};
        } else if (column == known.end()) {
            return invalid(fmt::format("unknown column '{}': see ctms-admin contacts import --help", name));
        } else if (!column->output_only) {
            where = {column->group, column->member};
        }
        const bool is_twice = !where.group.empty() && std::any_of(places_.begin(), places_.end(), [&](const place& other) {
            return other.group == where.group && other.member == where.member;
        });
        if (is_twice) return invalid(fmt::format("the column '{}' appears twice", name));
        places_.push_back(where);
    }
    return {};
}

bool contact_file::next(contact_record& out) { return is_csv_ ? next_row(out) : next_line(out); }

bool contact_file::next_line(contact_record& out) {
    out = {};
    do {
        if (!read_line(file_.stream(), out.json, longest_line + 1)) return false;
        ++line_;
    } while (trimmed(out.json).empty());
    out.line = line_;
    if (out.json.size() <= longest_line) return true;
    out.problem = "the line is too long for a contact";
    out.original = out.json.substr(0, 1000);
    out.json.clear();
    return true;
}

bool contact_file::next_row(contact_record& out) {
    out = {};
    csv_reader reader(file_.stream());
    csv_record row;
    if (!reader.next(row)) return false;
    out.line = line_ + row.line - 1;
    line_ += reader.line() - 1;
    out.original = std::move(row.text);
    if (row.problem.empty() && row.fields.size() != places_.size())
        row.problem = fmt::format("the line has {}, but the header has {}", counted(row.fields.size(), "field"), places_.size());
    out.problem = std::move(row.problem);
    if (out.problem.empty()) out.json = to_json(row.fields);
    return true;
}

/// Blank cells are left out: what they stand for has its default.
std::string contact_file::to_json(const std::vector<std::string>& cells) const {
    std::string out;
    object_writer writer(out);
    for (const auto* group : {"email", "amo", "fxa", "mofo"}) {
        object_writer members(writer.key(group));
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (places_[i].group == group && !cells[i].empty()) members.add(places_[i].member, std::string_view(cells[i]));
        }
        members.close();
    }
    for (const auto* list : {"newsletters", "waitlists"}) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (places_[i].group == list) append_names(writer.key(list), cells[i]);
        }
    }
    writer.close();
    return out;
}

// ---- addresses -------------------------------------------------------------------------------------

result<address_file> address_file::open(const std::string& name) {
    auto file = input_file::open(name);
    if (!file) return file.error();
    address_file out(std::move(*file));
    csv_reader reader(out.file_.stream());
    csv_record first;
    if (!reader.next(first)) return out;
    out.line_ = reader.line();
    for (std::size_t i = 0; i < first.fields.size(); ++i) {
        const auto column = trimmed(first.fields[i]);
        if (ascii_iequal(column, "primary_email") || (!out.column_ && ascii_iequal(column, "email"))) out.column_ = i;
    }
    if (!out.column_) {
        out.waiting_ = std::move(first.text);
        out.line_ = first.line;
    }
    return out;
}

bool address_file::next(address_record& out) {
    out = {};
    std::string text;
    if (column_) {
        csv_reader reader(file_.stream());
        csv_record row;
        if (!reader.next(row)) return false;
        out.line = line_ + row.line - 1;
        line_ += reader.line() - 1;
        if (row.problem.empty() && *column_ < row.fields.size()) text = std::move(row.fields[*column_]);
    } else if (waiting_) {
        text = std::move(*waiting_);
        waiting_.reset();
        out.line = line_;
    } else {
        do {
            if (!read_line(file_.stream(), text, longest_line)) return false;
            out.line = ++line_;
        } while (trimmed(text).empty());
    }
    if (is_address(trimmed(text))) out.address = trimmed(text);
    return true;
}

} // namespace ctms::cli
