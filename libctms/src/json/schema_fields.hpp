// SPDX-License-Identifier: MPL-2.0
// Builds a JSON schema from a field table. Private to this folder.
#pragma once

#include "any_url.hpp"
#include <fields/tables.hpp>

#include <ctms/base/json_text.hpp>

#include <algorithm>
#include <string>

namespace ctms::json {

/// What a schema describes: a whole resource in a request, changes to a resource, or a resource in a response.
enum class direction : std::uint8_t { input, change, output };

/// How one schema differs from its table.
struct schema_shape {
    direction way = direction::input;
    std::span<const std::string_view> also_required{}; ///< in addition to what the table requires
};

inline void add_text_type(object_writer& writer, const fields::rules& rule) {
    if (rule.as == fields::format::object) {
        writer.add("type", "object");
        return;
    }
    writer.add("type", "string");
    auto longest = static_cast<std::int64_t>(rule.max);
    auto shortest = static_cast<std::int64_t>(rule.min);
    if (rule.as == fields::format::uuid) writer.add("format", "uuid");
    if (rule.as == fields::format::url) {
        writer.add("format", "uri");
        longest = longest_url;
        shortest = 1;
    }
    if (longest > 0) writer.add("maxLength", longest);
    if (shortest > 0) writer.add("minLength", shortest);
    if (rule.as != fields::format::choice) return;
    auto& list = writer.key("enum") += '[';
    for (const auto choice : rule.choices) {
        if (list.back() != '[') list += ',';
        append_json_string(list, choice);
    }
    list += ']';
}

// Adds the keywords for the type of a member and its rules. One overload per type.
inline void add_type(object_writer& writer, const fields::rules& rule, const std::string&) { add_text_type(writer, rule); }
inline void add_type(object_writer& writer, const fields::rules& rule, const std::optional<std::string>&) { add_text_type(writer, rule); }
inline void add_type(object_writer& writer, const fields::rules&, bool) { writer.add("type", "boolean"); }
inline void add_type(object_writer& writer, const fields::rules&, const uuid&) {
    writer.add("type", "string");
    writer.add("format", "uuid");
}
inline void add_type(object_writer& writer, const fields::rules&, const std::optional<date>&) {
    writer.add("type", "string");
    writer.add("format", "date");
}
inline void add_type(object_writer& writer, const fields::rules&, const std::optional<timestamp>&) {
    writer.add("type", "string");
    writer.add("format", "date-time");
}

inline void add_value(object_writer& writer, std::string_view key, const fields::rules& rule, std::string_view value) {
    rule.as == fields::format::object ? writer.add_raw(key, value) : writer.add(key, value);
}

// Adds the value that is used for a missing field, unless that is null.
inline void add_default(object_writer& writer, const fields::rules& rule, const std::string& value) {
    add_value(writer, "default", rule, value);
}
inline void add_default(object_writer& writer, const fields::rules& rule, const std::optional<std::string>& value) {
    if (value) add_value(writer, "default", rule, *value);
}
inline void add_default(object_writer& writer, const fields::rules&, bool value) { writer.add("default", value); }
template <class NoDefault>
void add_default(object_writer&, const fields::rules&, const NoDefault&) {}

template <class>
inline constexpr bool is_nullable = false;
template <class T>
inline constexpr bool is_nullable<std::optional<T>> = true;
template <>
inline constexpr bool is_nullable<uuid> = true; // the id of a contact: null asks for a new one

template <class T>
[[nodiscard]] bool requires_field(const schema_shape& shape, const T& field) {
    const bool by_table = field.rule.required && shape.way != direction::change;
    return by_table || std::find(shape.also_required.begin(), shape.also_required.end(), field.name) != shape.also_required.end();
}

template <class T>
[[nodiscard]] bool shows_field(const schema_shape& shape, const T& field) {
    return shape.way == direction::output ? !field.rule.input_only : !field.rule.output_only;
}

template <class Owner, class Member>
void append_field_schema(std::string& out, const fields::field<Owner, Member>& one, const schema_shape& shape) {
    const Owner defaults{};
    const bool is_required = requires_field(shape, one);
    object_writer writer(out);
    add_type(writer, one.rule, defaults.*(one.member));
    if (is_nullable<Member> && !is_required) writer.add("nullable", true);
    if (!is_required && shape.way != direction::change) add_default(writer, one.rule, defaults.*(one.member));
    writer.add("description", one.description);
    if (!one.rule.example.empty()) add_value(writer, "example", one.rule, one.rule.example);
    writer.close();
}

/// The schema of T: an object with its properties in the order of the table.
template <class T>
[[nodiscard]] std::string fields_schema(std::string_view description, const schema_shape& shape) {
    std::string out;
    std::string required;
    object_writer writer(out);
    writer.add("type", "object");
    writer.add("description", description);
    object_writer properties(writer.key("properties"));
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        if (!shows_field(shape, field)) return;
        append_field_schema(properties.key(field.name), field, shape);
        if (!requires_field(shape, field)) return;
        required += required.empty() ? "[" : ",";
        append_json_string(required, field.name);
    });
    properties.close();
    if (!required.empty()) writer.add_raw("required", required + "]");
    writer.close();
    return out;
}

} // namespace ctms::json
