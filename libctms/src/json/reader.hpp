// SPDX-License-Identifier: MPL-2.0
// Reads a resource from a JSON object by its field table. Private to this folder.
#pragma once

#include "scalars.hpp"
#include <fields/tables.hpp>

#include <ctms/model/contact_input.hpp>

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
inline bool read_value(const node&, const fields::rules&, std::optional<timestamp>&, error_list&) { return false; } // output only

/// Reads one object by the table of T. `object` must be a JSON object; unknown members are ignored.
template <class T>
model::partial<T> read_fields(const node& object, completeness wanted, error_list& errors) {
    model::partial<T> out;
    fields::for_each_field<T>([&](const auto& field, std::uint32_t index) {
        if (field.rule.output_only) return;
        const auto here = errors.at(field.name);
        const auto* member = object.member(field.name);
        if (member == nullptr) {
            if (field.rule.required && wanted == completeness::whole) add_missing(errors);
            return;
        }
        if (field.rule.required && wanted == completeness::change && member->type == kind::null) {
            errors.add(std::string(field.name) + " may not be None", "assertion_error");
            return;
        }
        if (read_value(*member, field.rule, out.value.*(field.member), errors)) out.given |= 1U << index;
    });
    return out;
}

} // namespace ctms::json
