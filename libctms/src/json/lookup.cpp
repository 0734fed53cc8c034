// SPDX-License-Identifier: MPL-2.0
#include "contact_parts.hpp"

#include <ctms/json/lookup_json.hpp>

#include <fmt/core.h>

#include <optional>
#include <string_view>
#include <utility>

namespace ctms::json {
namespace {

void add_wrong_lists(error_list& errors) {
    std::string names;
    fields::for_each_field<model::identity>(
        [&](const auto& field, std::uint32_t) { names += fmt::format("{}{}s", names.empty() ? "" : ", ", field.name); });
    errors.add("exactly one list of ids is needed: " + names, "value_error.ids");
}

void add_wrong_length(error_list& errors) {
    errors.add(fmt::format("ensure this list has 1 to {} items", most_lookups), "value_error.list.length");
}

void read_id(const node& value, std::optional<std::string>& into, error_list& errors) {
    into = read_text(value, {}, errors);
    if (into && into->empty())
        errors.add("ensure this value has at least 1 characters", "value_error.any_str.min_length", R"({"limit_value":1})");
}
void read_id(const node& value, std::optional<uuid>& into, error_list& errors) { into = read_any_uuid(value, errors); }

/// Reads an item of the list as the id with this name.
lookup_item read_item(const node& value, std::string_view name, error_list& errors) {
    lookup_item out{to_text(value).value_or(""), {}};
    if (value.type == kind::null) {
        add_null_not_allowed(errors);
        return out;
    }
    fields::for_each_id(out.query, [&](std::string_view known, auto& id) {
        if (known == name) read_id(value, id, errors);
    });
    return out;
}

void read_list(const node& list, std::string_view name, std::vector<lookup_item>& into, error_list& errors) {
    if (list.type != kind::array) return add_not_a_list(errors);
    if (list.size == 0 || list.size > most_lookups) return add_wrong_length(errors);
    std::size_t index = 0;
    for (const auto* item = list.first; item != nullptr; item = item->next) {
        const auto place = errors.at(index++);
        into.push_back(read_item(*item, name, errors));
    }
}

} // namespace

result<std::vector<lookup_item>> read_lookup(const body& sent) {
    error_list errors("body");
    const auto* object = body_object(sent, errors);
    if (object == nullptr) return std::move(errors).take();
    std::vector<lookup_item> out;
    std::size_t lists = 0;
    const model::identity_query names;
    fields::for_each_id(names, [&](std::string_view name, const auto&) {
        const auto list_name = fmt::format("{}s", name);
        const auto* list = object->member(list_name);
        if (list == nullptr || ++lists > 1) return;
        const auto here = errors.at(list_name);
        read_list(*list, name, out, errors);
    });
    if (lists != 1) add_wrong_lists(errors);
    if (!errors.empty()) return std::move(errors).take();
    return out;
}

} // namespace ctms::json
