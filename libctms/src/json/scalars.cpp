// SPDX-License-Identifier: MPL-2.0
#include "scalars.hpp"

#include "any_url.hpp"
#include "echo.hpp"
#include "python_text.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ctms::json {
namespace {

std::string limit_context(std::size_t limit) { return fmt::format(R"({{"limit_value":{}}})", limit); }

bool is_integer(std::string_view number) { return number.find_first_of(".eE") == std::string_view::npos; }

/// Except in the fields of a waitlist, numbers must fit in 64 bits: integers exactly, others as a finite double. A number that is too small
/// for a double, and not zero, does not fit.
bool fits_64_bits(std::string_view number) {
    if (is_integer(number)) {
        const auto* const begin = number.data();
        const auto* const end = begin + number.size();
        std::int64_t is_signed = 0;
        std::uint64_t is_unsigned = 0;
        return std::from_chars(begin, end, is_signed).ec == std::errc{} || std::from_chars(begin, end, is_unsigned).ec == std::errc{};
    }
    const double value = nearest_double(number);
    const bool is_zero = number.substr(0, number.find_first_of("eE")).find_first_of("123456789") == std::string_view::npos;
    return std::isfinite(value) && (value != 0 || is_zero);
}

bool check_length(std::string_view text, const fields::rules& rule, error_list& errors) {
    const auto length = utf8_length(text);
    if (rule.min != 0 && length < rule.min) {
        errors.add(fmt::format("ensure this value has at least {} characters", rule.min), "value_error.any_str.min_length",
                   limit_context(rule.min));
        return false;
    }
    if (rule.max != 0 && length > rule.max) {
        errors.add(fmt::format("ensure this value has at most {} characters", rule.max), "value_error.any_str.max_length",
                   limit_context(rule.max));
        return false;
    }
    return true;
}

std::optional<std::string> read_choice(const node& value, std::span<const std::string_view> choices, error_list& errors) {
    if (value.type == kind::string && std::find(choices.begin(), choices.end(), value.text) != choices.end()) {
        return std::string(value.text);
    }
    add_not_permitted(value, choices, errors);
    return std::nullopt;
}

std::optional<std::string> read_url(const std::string& text, error_list& errors) {
    auto outcome = parse_any_url(text);
    if (auto* url = std::get_if<std::string>(&outcome)) return std::move(*url);
    auto& problem = std::get<url_error>(outcome);
    errors.add(std::move(problem.message), std::move(problem.type), std::move(problem.context));
    return std::nullopt;
}

std::string quoted_list(std::span<const std::string_view> words) {
    std::string out;
    for (const auto word : words) {
        if (!out.empty()) out += ", ";
        out += '\'';
        out += word;
        out += '\'';
    }
    return out;
}

void append_given(std::string& out, const node& value) {
    if (value.type == kind::string || (value.type == kind::number && value.text.size() > longest_echo)) {
        append_json_string(out, echo_of(value.text)); // quotes a very long number as a string, shortened
    } else if (value.type == kind::number && !is_integer(value.text)) {
        out += fits_64_bits(value.text) ? python_number_text(value.text) : "null";
    } else {
        write(out, value);
    }
}

} // namespace

void add_null_not_allowed(error_list& errors) { errors.add("none is not an allowed value", "type_error.none.not_allowed"); }
void add_missing(error_list& errors) { errors.add("field required", "value_error.missing"); }
void add_not_a_dict(error_list& errors) { errors.add("value is not a valid dict", "type_error.dict"); }
void add_invalid_date(error_list& errors) { errors.add("invalid date format", "value_error.date"); }

void add_not_permitted(const node& value, std::span<const std::string_view> permitted, error_list& errors) {
    if (value.type == kind::array || value.type == kind::object) {
        errors.add(value.type == kind::array ? "unhashable type: 'list'" : "unhashable type: 'dict'", "type_error");
        return;
    }
    std::string context;
    object_writer writer(context);
    append_given(writer.key("given"), value);
    append_json_array(writer.key("permitted"), permitted, append_json_string);
    writer.close();
    errors.add("unexpected value; permitted: " + quoted_list(permitted), "value_error.const", std::move(context));
}

std::optional<std::string> to_text(const node& value) {
    switch (value.type) {
    case kind::string: return std::string(value.text);
    case kind::boolean: return value.truth ? "True" : "False";
    case kind::number: return python_number_text(value.text);
    case kind::non_finite: return value.text == "NaN" ? "nan" : (value.negative ? "-inf" : "inf");
    case kind::null:
    case kind::array:
    case kind::object: return std::nullopt;
    }
    return std::nullopt;
}

std::optional<uuid> read_any_uuid(const node& value, error_list& errors) {
    if (value.type == kind::string) {
        if (const auto parsed = uuid::parse(value.text)) return parsed;
    }
    errors.add("value is not a valid uuid", "type_error.uuid");
    return std::nullopt;
}

std::optional<std::string> read_text(const node& value, const fields::rules& rule, error_list& errors) {
    if (rule.as == fields::format::choice) return read_choice(value, rule.choices, errors);
    if (rule.as == fields::format::object) return read_object(value, errors);
    if (rule.as == fields::format::uuid) {
        const auto parsed = read_any_uuid(value, errors);
        return parsed ? std::optional(parsed->to_string()) : std::nullopt;
    }
    if (value.type == kind::number && !fits_64_bits(value.text)) {
        errors.add("ensure this number fits in 64 bits", "value_error.number.not_64_bit");
        return std::nullopt;
    }
    auto text = to_text(value);
    if (!text) {
        errors.add("str type expected", "type_error.str");
        return std::nullopt;
    }
    if (text->find('\0') != std::string::npos) {
        errors.add("NUL characters are not allowed", "value_error.any_str.nul");
        return std::nullopt;
    }
    if (rule.as == fields::format::url) return read_url(*text, errors);
    return check_length(*text, rule, errors) ? text : std::nullopt;
}

std::optional<bool> read_bool(const node& value, error_list& errors) {
    constexpr std::array<std::string_view, 6> yes{"1", "on", "t", "true", "y", "yes"};
    constexpr std::array<std::string_view, 6> no{"0", "off", "f", "false", "n", "no"};
    if (value.type == kind::boolean) return value.truth;
    if (value.type == kind::number) {
        const double number = python_float(value.text).value_or(std::nan(""));
        if (number == 0.0) return false;
        if (number == 1.0) return true;
    }
    if (value.type == kind::string) {
        const auto word = ascii_lower(value.text);
        if (std::find(yes.begin(), yes.end(), word) != yes.end()) return true;
        if (std::find(no.begin(), no.end(), word) != no.end()) return false;
    }
    errors.add("value could not be parsed to a boolean", "type_error.bool");
    return std::nullopt;
}

std::optional<date> read_date(const node& value, error_list& errors) {
    std::optional<double> seconds;
    switch (value.type) {
    case kind::boolean: seconds = value.truth ? 1.0 : 0.0; break;
    case kind::number: seconds = python_float(value.text); break;
    case kind::non_finite:
    case kind::string: seconds = python_float(value.type == kind::string ? std::string(value.text) : to_text(value).value()); break;
    case kind::null:
    case kind::array:
    case kind::object: errors.add("invalid type; expected date, string, bytes, int or float", "type_error"); return std::nullopt;
    }
    if (seconds) {
        const auto day = python_date_from_unix(*seconds);
        if (const auto* found = std::get_if<date>(&day)) return *found;
    } else if (const auto day = parse_date(value.text)) {
        return day;
    }
    add_invalid_date(errors);
    return std::nullopt;
}

std::optional<uuid> read_uuid4(const node& value, error_list& errors) {
    const auto parsed = read_any_uuid(value, errors);
    return parsed && check_uuid4(*parsed, errors) ? parsed : std::nullopt;
}

bool check_uuid4(const uuid& id, error_list& errors) {
    if (id.version() == 4) return true;
    errors.add("uuid version 4 expected", "value_error.uuid.version", R"({"required_version":4})");
    return false;
}

namespace {

bool is_pair_list(const node& list) {
    for (const auto* pair = list.first; pair != nullptr; pair = pair->next) {
        if (pair->type != kind::array || pair->size != 2 || pair->first->type != kind::string) return false;
    }
    return true;
}

std::string object_of_pairs(const node& list) {
    std::string out;
    object_writer writer(out);
    for (const auto* pair = list.first; pair != nullptr; pair = pair->next) write(writer.key(pair->first->text), *pair->first->next);
    writer.close();
    return out;
}

} // namespace

std::optional<std::string> read_object(const node& value, error_list& errors) {
    const bool pairs = value.type == kind::array && is_pair_list(value);
    if (value.type != kind::object && !pairs) {
        add_not_a_dict(errors);
        return std::nullopt;
    }
    if (const auto* why = find_unstorable(value)) {
        errors.add(why, "value_error.json");
        return std::nullopt;
    }
    if (pairs) return object_of_pairs(value);
    std::string out;
    write(out, value);
    return out;
}

} // namespace ctms::json
