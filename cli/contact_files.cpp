// SPDX-License-Identifier: MPL-2.0
#include "contact_files.hpp"

#include <ctms/base/address_text.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <sstream>

namespace ctms::cli {
namespace {

// What the largest contact of the API takes, by far.
constexpr std::size_t longest_line = 4U << 20U;

/// "a;b" as [{"name":"a"},{"name":"b"}].
void append_names(std::string& out, std::string_view cell) {
    std::vector<std::string_view> names;
    while (!cell.empty()) {
        const auto end = std::min(cell.find(';'), cell.size());
        if (const auto name = without_blanks_around(cell.substr(0, end)); !name.empty()) names.push_back(name);
        cell.remove_prefix(std::min(end + 1, cell.size()));
    }
    append_json_array(out, names, [](std::string& to, std::string_view name) {
        object_writer writer(to);
        writer.add("name", name);
        writer.close();
    });
}

/// Appends the names or the JSON of a cell. Returns false if the cell looks like JSON but is not a list.
bool append_list(std::string& out, std::string_view cell) {
    if (!cell.starts_with('[')) return append_names(out, cell), true;
    boost::system::error_code failed;
    const auto list = boost::json::parse(boost::json::string_view(cell.data(), cell.size()), failed);
    if (!failed) out += boost::json::serialize(list);
    return !failed;
}

std::vector<std::string> split(const std::string& line, char separator) {
    std::istringstream in(line);
    csv_reader reader(in, longest_line, separator);
    csv_record record;
    return reader.next(record) && record.problem.empty() ? std::move(record.fields) : std::vector<std::string>();
}

const json::contact_column* find_column(std::string_view name) {
    const auto& known = json::contact_columns();
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.name == name; });
    return found == known.end() ? nullptr : &*found;
}

bool is_list(std::string_view name) { return name == "newsletters" || name == "waitlists"; }

/// The separator that makes most of the header known columns.
char find_separator(const std::string& header) {
    const auto known = [&](char separator) {
        const auto names = split(header, separator);
        return std::count_if(names.begin(), names.end(), [](const std::string& field) {
            const auto name = without_blanks_around(field);
            return is_list(name) || find_column(name) != nullptr;
        });
    };
    return *std::max_element(csv_separators.begin(), csv_separators.end(), [&](char a, char b) { return known(a) < known(b); });
}

} // namespace

result<contact_file> contact_file::open(const std::string& name, std::optional<contact_format> format, bool exact) {
    auto source = text_source::open(name, passes::once);
    if (!source) return source.error();
    contact_file out(std::move(*source));
    out.exact_ = exact;
    if (const auto begun = out.begin(name, format); !begun) return begun.error();
    return out;
}

/// Reads up to the first contact.
result<void> contact_file::begin(const std::string& name, std::optional<contact_format> format) {
    std::string line;
    do {
        // The caller sees a failure when it reads the contacts.
        if (!read_line(source_.stream(), line, longest_line + 1)) return source_.failed() ? result<void>() : empty_file(name);
        ++line_;
    } while (without_blanks_around(line).empty());
    const bool is_json = without_blanks_around(line).starts_with('{');
    if (format == contact_format::ndjson && !is_json)
        return invalid(fmt::format("the file is not NDJSON: line {} is not a JSON object", line_));
    if (without_blanks_around(line).starts_with('['))
        return invalid("the file is a JSON list: write one contact per line, for example with jq -c '.[]'");
    if (format != contact_format::csv && is_json) {
        waiting_ = std::move(line);
        --line_;
        return {};
    }
    std::optional<char> separator;
    if (line.size() >= 5 && ascii_iequal(std::string_view(line).substr(0, 4), "sep=")) {
        separator = line[4];
        ++line_;
        if (!read_line(source_.stream(), line, longest_line)) return invalid("the file has no header after its line sep=");
    }
    return read_header(line, separator);
}

result<void> contact_file::read_header(const std::string& line, std::optional<char> separator) {
    const char between = separator.value_or(find_separator(line));
    const auto header = split(line, between);
    if (header.empty()) return invalid("the file has no header: its first line must name the columns");
    for (std::size_t i = 0; i < header.size(); ++i) {
        const std::string name(without_blanks_around(header[i]));
        // In a file without a header, this is a value.
        const auto shown = name.find('@') == std::string::npos && name.size() <= 60 && is_valid_utf8(name)
                               ? fmt::format("column '{}'", name)
                               : fmt::format("name of column {}", i + 1);
        const auto* column = find_column(name);
        place where{{}, {}, name};
        if (is_list(name)) {
            where.group = name == "newsletters" ? "newsletters" : "waitlists";
        } else if (column == nullptr) {
            return invalid(fmt::format("unknown {} in line {}: see ctms-admin contacts import --help", shown, line_));
        } else if (!column->output_only) {
            where.group = column->group;
            where.member = column->member;
        }
        const bool is_twice = !where.group.empty() && std::any_of(places_.begin(), places_.end(), [&](const place& other) {
            return other.group == where.group && other.member == where.member;
        });
        if (is_twice) return invalid(fmt::format("the {} appears twice", shown));
        places_.push_back(std::move(where));
    }
    rows_.emplace(source_.stream(), 1U << 20U, between);
    return {};
}

bool contact_file::next(contact_record& out) { return rows_ ? next_row(out) : next_line(out); }

bool contact_file::next_line(contact_record& out) {
    out = {};
    do {
        if (waiting_) {
            out.json = *std::exchange(waiting_, std::nullopt);
        } else if (!read_line(source_.stream(), out.json, longest_line + 1)) {
            return false;
        }
        ++line_;
    } while (without_blanks_around(out.json).empty());
    out.line = line_;
    if (out.json.size() > longest_line) out.problem = "the line is too long for a contact";
    if (out.problem.empty() && !is_valid_utf8(out.json)) out.problem = "not UTF-8";
    if (out.problem.empty()) return true;
    out.original = out.json.substr(0, out.json.size() > longest_line ? 1000 : longest_line);
    out.json.clear();
    return true;
}

bool contact_file::next_row(contact_record& out) {
    out = {};
    csv_record row;
    if (!rows_->next(row)) return false;
    out.line = line_ + row.line;
    out.original = std::move(row.text);
    if (row.problem.empty() && row.fields.size() != places_.size())
        row.problem = fmt::format("the line has {}, but the header has {}", counted(row.fields.size(), "field"), places_.size());
    out.problem = std::move(row.problem);
    if (out.problem.empty()) out.problem = to_json(row.fields, out.json);
    return true;
}

/// Blank cells are left out: what they stand for has its default.
std::string contact_file::to_json(const std::vector<std::string>& cells, std::string& out) const {
    std::vector<std::string_view> values;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (!is_valid_utf8(cells[i])) return fmt::format("not UTF-8 in column '{}'", places_[i].name);
        values.push_back(exact_ ? std::string_view(cells[i]) : without_blanks_around(cells[i]));
    }
    object_writer writer(out);
    for (const auto* group : {"email", "amo", "fxa", "mofo"}) {
        std::optional<object_writer> members;
        if (group == std::string_view("email")) members.emplace(writer.key(group)); // required
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (places_[i].group != group || values[i].empty()) continue;
            if (!members) members.emplace(writer.key(group));
            members->add(places_[i].member, values[i]);
        }
        if (members) members->close();
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!is_list(places_[i].group) || values[i].empty()) continue;
        if (!append_list(writer.key(places_[i].group), values[i]))
            return fmt::format("{}: neither names separated by semicolons nor a JSON list", places_[i].name);
    }
    writer.close();
    return {};
}

std::string contact_file::in_terms_of_file(std::string reason) const {
    for (const auto& one : places_) {
        if (one.member.empty()) continue;
        const auto path = fmt::format("{}.{}:", one.group, one.member);
        for (auto at = reason.find(path); at != std::string::npos; at = reason.find(path, at + one.name.size()))
            reason.replace(at, path.size(), one.name + ':');
    }
    return reason;
}

} // namespace ctms::cli
