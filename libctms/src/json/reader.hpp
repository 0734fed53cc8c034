// SPDX-License-Identifier: MPL-2.0
// Reads a resource by its field table: from a JSON object, or from values that a program set. Private to this folder.
#pragma once

#include "scalars.hpp"
#include <fields/field_bits.hpp>

namespace ctms::json {

/// Whether a missing field that the table requires is an error (`whole` resource) or not (`change`).
enum class completeness : std::uint8_t { whole, change };

// One overload per type of member. Returns whether the value was read and stored in `into`.
inline bool read_value(const node& value, const fields::rules& rule, std::string& into, error_list& errors) {
    if (value.type == kind::null) {
        add_null_not_allowed(errors);
        return false;
    }
    auto text = read_text(value, rule, errors);
    if (text) into = std::move(*text);
    return text.has_value();
}
inline bool read_value(const node& value, const fields::rules& rule, std::optional<std::string>& into, error_list& errors) {
    if (value.type == kind::null) {
        into.reset();
        return true;
    }
    auto text = read_text(value, rule, errors);
    if (text) into = std::move(text);
    return into.has_value();
}
inline bool read_value(const node& value, const fields::rules&, bool& into, error_list& errors) {
    if (value.type == kind::null) {
        add_null_not_allowed(errors);
        return false;
    }
    const auto truth = read_bool(value, errors);
    if (truth) into = *truth;
    return truth.has_value();
}
inline bool read_value(const node& value, const fields::rules&, std::optional<date>& into, error_list& errors) {
    if (value.type == kind::null) {
        into.reset();
        return true;
    }
    into = read_date(value, errors);
    return into.has_value();
}
inline bool read_value(const node& value, const fields::rules&, uuid& into, error_list& errors) {
    if (value.type == kind::null) {
        into = uuid{};
        return true;
    }
    const auto id = read_uuid4(value, errors);
    if (id) into = *id;
    return id.has_value();
}

/// Adds the error for a required field that is null or has an empty value.
inline void add_required_is_null(std::string_view name, error_list& errors) {
    errors.add(std::string(name) + " may not be None", "assertion_error");
}

/// Reads one object by the table of T. `object` must be a JSON object; unknown members are ignored.
template <class T>
model::partial<T> read_fields(const node& object, completeness wanted, error_list& errors) {
    model::partial<T> out;
    fields::for_each_field<T>([&]<class Member>(const fields::field<T, Member>& field, std::uint32_t) {
        if constexpr (fields::is_settable<Member>) {
            if (field.rule.output_only) return;
            const auto here = errors.at(field.name);
            const auto* member = object.member(field.name);
            if (member == nullptr) {
                if (field.rule.required && wanted == completeness::whole) add_missing(errors);
                return;
            }
            if (field.rule.required && wanted == completeness::change && member->type == kind::null) {
                add_required_is_null(field.name, errors);
                return;
            }
            Member value{};
            if (read_value(*member, field.rule, value, errors)) out.set(field.member, std::move(value));
        }
    });
    return out;
}

// One overload per type of member, for values that a program set. The rules for a string are those for a JSON string with the same content.
// Changes the value to the form that is stored. Returns whether it is good.
[[nodiscard]] bool check_value(std::string& value, const fields::rules& rule, error_list& errors);
[[nodiscard]] bool check_value(std::optional<std::string>& value, const fields::rules& rule, error_list& errors);
[[nodiscard]] bool check_value(std::optional<date>& value, const fields::rules& rule, error_list& errors);
[[nodiscard]] bool check_value(uuid& value, const fields::rules& rule, error_list& errors);
[[nodiscard]] inline bool check_value(bool&, const fields::rules&, error_list&) { return true; }

/// Whether a value counts as missing: an empty string that is required, unless the rule has an error of its own for it.
template <class Member>
[[nodiscard]] bool is_missing(const Member& value, const fields::rules& rule) {
    if constexpr (requires { value.empty(); }) return rule.required && rule.min == 0 && value.empty();
    return false;
}

/// Checks values that a program set by the table of T. Returns those that are good.
template <class T>
model::partial<T> check_fields(const model::partial<T>& sent, completeness wanted, error_list& errors) {
    model::partial<T> out;
    fields::for_each_field<T>([&]<class Member>(const fields::field<T, Member>& field, std::uint32_t) {
        if constexpr (fields::is_settable<Member>) {
            if (field.rule.output_only) return;
            const auto here = errors.at(field.name);
            const bool is_whole = wanted == completeness::whole;
            const bool is_set = sent.has(field.member);
            if ((is_set || is_whole) && is_missing(sent.value().*(field.member), field.rule)) {
                is_whole ? add_missing(errors) : add_required_is_null(field.name, errors);
                return;
            }
            if (!is_set) return;
            auto value = sent.value().*(field.member);
            if (check_value(value, field.rule, errors)) out.set(field.member, std::move(value));
        }
    });
    return out;
}

} // namespace ctms::json
