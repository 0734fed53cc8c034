// SPDX-License-Identifier: MPL-2.0
// Writes lists as parameters, for statements that take any number of rows or names. Private to this layer.
#pragma once

#include <ctms/base/json_text.hpp>
#include <ctms/base/uuid.hpp>

#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {

/// For json_to_recordset: an array of objects; `write_item(writer, item)` adds the members of each object.
template <class Items, class WriteItem>
[[nodiscard]] std::string json_rows(const Items& items, WriteItem write_item) {
    std::string out;
    append_json_array(out, items, [&](std::string& to, const auto& item) {
        object_writer writer(to);
        write_item(writer, item);
        writer.close();
    });
    return out;
}

/// For json_array_elements_text: an array of strings.
template <class Names>
[[nodiscard]] std::string json_names(const Names& names) {
    std::string out;
    append_json_array(out, names, append_json_string);
    return out;
}

/// Like json_names, for ids.
[[nodiscard]] inline std::string json_ids(std::span<const uuid> ids) {
    std::vector<std::string> out;
    out.reserve(ids.size());
    for (const auto& id : ids) out.push_back(id.to_string());
    return json_names(out);
}

/// For unnest: an array of ids in PostgreSQL's array syntax.
[[nodiscard]] inline std::string array_of(std::span<const uuid> ids) {
    std::string out = "{";
    for (const auto& id : ids) out += (out.size() > 1 ? "," : "") + id.to_string();
    return out += '}';
}

} // namespace ctms::persistence
