// SPDX-License-Identifier: MPL-2.0
// Writes a resource as a JSON object from its field table. Private to this folder.
#pragma once

#include "contact_document.hpp"
#include "document.hpp"
#include <fields/tables.hpp>

#include <ctms/base/json_text.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <variant>

namespace ctms::json {

inline void write_value(std::string& out, const fields::rules& rule, const std::string& value) {
    if (rule.as != fields::format::object) {
        append_json_string(out, value);
        return;
    }
    // Rows of the Python service contain spaces and escapes; the API writes neither.
    if (value.find_first_of(" \\\n\t\r") == std::string::npos) {
        out += value;
        return;
    }
    constexpr limits generous{.depth = 1'000, .length = 10'000'000};
    const auto parsed = document::parse(value, generous);
    if (const auto* stored = std::get_if<document>(&parsed)) {
        write(out, stored->root());
    } else {
        out += value;
    }
}
inline void write_value(std::string& out, const fields::rules& rule, const std::optional<std::string>& value) {
    value ? write_value(out, rule, *value) : void(out += "null");
}
inline void write_value(std::string& out, const fields::rules&, bool value) { out += value ? "true" : "false"; }
inline void write_value(std::string& out, const fields::rules&, const uuid& value) {
    out += '"';
    out += value.to_string();
    out += '"';
}
template <class Time>
void write_value(std::string& out, const fields::rules&, const std::optional<Time>& value) {
    if (!value) {
        out += "null";
        return;
    }
    if constexpr (std::is_same_v<Time, timestamp>) {
        if (*value == time_of_write) { // the end of unfilled_time
            out += " 0";
            return;
        }
    }
    out += '"';
    append_iso(out, *value);
    out += '"';
}

template <class T>
void write_fields(std::string& out, const T& value) {
    object_writer writer(out);
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        if (!field.rule.input_only) write_value(writer.key(field.name), field.rule, value.*(field.member));
    });
    writer.close();
}

} // namespace ctms::json
