// SPDX-License-Identifier: MPL-2.0
#include <ctms/acoustic/import.hpp>

#include "xml.hpp"

#include <pugixml.hpp>

#include <algorithm>
#include <set>
#include <unordered_map>

namespace ctms::acoustic {
namespace {

constexpr std::string_view line_end = "\r\n"; // RFC 4180, 2.1

bool has_line_break(std::string_view text) { return text.find_first_of("\r\n") != std::string_view::npos; }

/// RFC 4180, 2.6 and 2.7. Readers may drop spaces at the ends of a value that is not in quotes.
void add_value(std::string& to, std::string_view value) {
    const bool is_plain = value.find_first_of(",\"") == std::string_view::npos && !value.starts_with(' ') && !value.ends_with(' ');
    if (is_plain) {
        to += value;
        return;
    }
    to += '"';
    for (const char c : value) {
        if (c == '"') to += '"';
        to += c;
    }
    to += '"';
}

void add_text(pugi::xml_node parent, const char* name, std::string_view text) {
    parent.append_child(name).text().set(xml_text(text).c_str());
}

} // namespace

bool is_plain_file_name(std::string_view name) noexcept {
    constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    constexpr std::size_t longest = 255;
    return !name.empty() && name.size() <= longest && name.front() != '.' && name.find_first_not_of(allowed) == std::string_view::npos;
}

std::vector<std::string> import_columns(const model::acoustic_configuration& configuration) {
    model::contact full;
    full.amo.emplace();
    full.fxa.emplace();
    std::vector<std::string> out;
    std::set<std::string> known;
    for (auto& one : to_rows(full, {}, configuration).main) {
        if (known.insert(one.name).second) out.push_back(std::move(one.name));
    }
    return out;
}

std::optional<std::string> import_line(std::span<const std::string> columns, std::span<const column> row) {
    std::unordered_map<std::string_view, std::string_view> values;
    for (const auto& [name, value] : row) {
        if (has_line_break(value)) return std::nullopt;
        values.insert_or_assign(name, value);
    }
    std::string out;
    std::size_t used = 0;
    for (const auto& name : columns) {
        if (&name != &columns.front()) out += ',';
        const auto found = values.find(name);
        if (found == values.end()) continue;
        ++used;
        add_value(out, xml_text(found->second));
    }
    if (used != values.size()) return std::nullopt;
    return out += line_end;
}

std::string import_header(std::span<const std::string> columns) {
    std::string out;
    for (const auto& name : columns) {
        if (&name != &columns.front()) out += ',';
        add_value(out, name);
    }
    return out += line_end;
}

std::string import_mapping_xml(std::string_view list_id, std::span<const std::string> columns) {
    pugi::xml_document document;
    auto root = document.append_child("LIST_IMPORT");
    auto info = root.append_child("LIST_INFO");
    add_text(info, "ACTION", "ADD_AND_UPDATE");
    add_text(info, "LIST_ID", list_id);
    add_text(info, "FILE_TYPE", "0"); // values separated by commas
    add_text(info, "HASHEADERS", "true");
    add_text(root.append_child("SYNC_FIELDS").append_child("SYNC_FIELD"), "NAME", "email_id");
    auto mapping = root.append_child("MAPPING");
    for (std::size_t i = 0; i < columns.size(); ++i) {
        auto one = mapping.append_child("COLUMN");
        add_text(one, "INDEX", std::to_string(i + 1));
        add_text(one, "NAME", columns[i]);
        add_text(one, "INCLUDE", "true");
    }
    return to_text(document);
}

std::vector<uuid> uuids_in(std::string_view text) {
    constexpr std::size_t length = 36;
    constexpr std::size_t first_dash = 8;
    std::set<uuid> out;
    for (auto dash = text.find('-', first_dash); dash != std::string_view::npos; dash = text.find('-', dash + 1)) {
        const auto one = uuid::parse(text.substr(dash - first_dash, length));
        if (one && text.size() - (dash - first_dash) >= length) out.insert(*one);
    }
    return {out.begin(), out.end()};
}

} // namespace ctms::acoustic
