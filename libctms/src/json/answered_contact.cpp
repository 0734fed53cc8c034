// SPDX-License-Identifier: MPL-2.0
// Reads what write_contact writes. No rules are checked but the types: what is stored can be read, whatever was allowed when it was stored.
#include "document.hpp"
#include "error_list.hpp"
#include "moments.hpp"
#include "scalars.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/json/contact_json.hpp>

#include <fields/tables.hpp>

#include <utility>
#include <variant>

namespace ctms::json {
namespace {

void add_wrong_type(error_list& errors, std::string_view wanted) {
    errors.add("value is not a valid " + std::string(wanted), "type_error." + std::string(wanted));
}

// One overload per type of member. `value` is not null.
void read_into(std::string& into, const node& value, const fields::rules& rule, error_list& errors) {
    if (rule.as == fields::format::object && value.type == kind::object) {
        into.clear();
        write(into, value);
    } else if (rule.as != fields::format::object && value.type == kind::string) {
        into = value.text;
    } else {
        rule.as == fields::format::object ? add_not_a_dict(errors) : add_wrong_type(errors, "str");
    }
}

void read_into(bool& into, const node& value, const fields::rules&, error_list& errors) {
    value.type == kind::boolean ? void(into = value.truth) : add_wrong_type(errors, "bool");
}

void read_into(uuid& into, const node& value, const fields::rules&, error_list& errors) {
    const auto id = value.type == kind::string ? uuid::parse(value.text) : std::nullopt;
    id ? void(into = *id) : add_wrong_type(errors, "uuid");
}

void read_into(date& into, const node& value, const fields::rules&, error_list& errors) {
    const auto day = value.type == kind::string ? parse_date(value.text) : std::nullopt;
    day ? void(into = *day) : add_wrong_type(errors, "date");
}

void read_into(timestamp& into, const node& value, const fields::rules&, error_list& errors) {
    const auto moment = value.type == kind::string ? parse_moment(value.text) : std::nullopt;
    moment ? void(into = moment->when) : add_wrong_type(errors, "datetime");
}

template <class T>
void read_into(std::optional<T>& into, const node& value, const fields::rules& rule, error_list& errors) {
    read_into(into.emplace(), value, rule, errors);
}

template <class T>
void set_null(T&, error_list& errors) {
    add_null_not_allowed(errors);
}
template <class T>
void set_null(std::optional<T>& into, error_list&) {
    into.reset();
}

template <class T>
T read_object(const node& object, error_list& errors) {
    T out;
    if (object.type != kind::object) {
        add_not_a_dict(errors);
        return out;
    }
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        const auto* value = object.member(field.name);
        if (value == nullptr || field.rule.input_only) return;
        const auto here = errors.at(field.name);
        auto& into = out.*(field.member);
        value->type == kind::null ? set_null(into, errors) : read_into(into, *value, field.rule, errors);
    });
    return out;
}

template <class T>
std::optional<T> read_group(const node& contact, error_list& errors) {
    constexpr auto name = fields::table<T>::group;
    const auto* group = contact.member(name);
    if (group == nullptr || group->type == kind::null) return std::nullopt;
    const auto here = errors.at(name);
    auto out = read_object<T>(*group, errors);
    return out == T{} ? std::nullopt : std::optional(std::move(out));
}

template <class T>
std::vector<T> read_list(const node& contact, error_list& errors) {
    constexpr auto name = fields::table<T>::group;
    std::vector<T> out;
    const auto* list = contact.member(name);
    if (list == nullptr) return out;
    const auto here = errors.at(name);
    if (list->type != kind::array) return add_wrong_type(errors, "list"), out;
    std::size_t index = 0;
    for (const auto* item = list->first; item != nullptr; item = item->next) {
        const auto place = errors.at(index++);
        out.push_back(read_object<T>(*item, errors));
    }
    return out;
}

model::email read_email(const node& contact, error_list& errors) {
    const auto here = errors.at("email");
    const auto* email = contact.member("email");
    if (email == nullptr) return add_missing(errors), model::email{};
    for (const std::string_view name : {"email_id", "primary_email"}) {
        const auto place = errors.at(name);
        if (email->type == kind::object && email->member(name) == nullptr) add_missing(errors);
    }
    return read_object<model::email>(*email, errors);
}

} // namespace

result<model::contact> read_answered_contact(std::string_view text) {
    constexpr limits generous{.depth = 1'000, .length = 10'000'000};
    if (!is_valid_utf8(text)) return malformed("not UTF-8");
    const auto parsed = document::parse(text, generous);
    const auto* found = std::get_if<document>(&parsed);
    if (found == nullptr) return malformed("not JSON: " + std::get<syntax_error>(parsed).message);
    const auto& root = found->root();
    error_list errors("body");
    if (root.type != kind::object) return add_not_a_dict(errors), std::move(errors).take();
    model::contact out;
    out.amo = read_group<model::amo>(root, errors);
    out.email = read_email(root, errors);
    out.fxa = read_group<model::fxa>(root, errors);
    out.mofo = read_group<model::mofo>(root, errors);
    out.newsletters = read_list<model::newsletter>(root, errors);
    out.waitlists = read_list<model::waitlist>(root, errors);
    if (!errors.empty()) return std::move(errors).take();
    return out;
}

} // namespace ctms::json
