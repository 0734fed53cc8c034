// SPDX-License-Identifier: MPL-2.0
// Reads lookups from a query, and checks those that a program filled in: both by the table of ids.
#include "identity_query.hpp"

#include "reader.hpp"

#include <ctms/json/contact_json.hpp>

#include <optional>
#include <string>

namespace ctms::json {
namespace {

/// Any text may be looked up that a column can hold.
void check_id(std::optional<std::string>& text, error_list& errors) { (void)check_value(text, {}, errors); }
void check_id(const std::optional<uuid>&, error_list&) {}

void read_id(std::string text, std::optional<std::string>& into, error_list& errors) {
    into = std::move(text);
    check_id(into, errors);
}
void read_id(const std::string& text, std::optional<uuid>& into, error_list& errors) {
    into = read_any_uuid(node{.type = kind::string, .text = text}, errors);
}

} // namespace

result<model::identity_query> read_identity_query(const std::function<std::optional<std::string>(std::string_view name)>& find) {
    error_list errors("query");
    model::identity_query out;
    fields::for_each_id(out, [&](std::string_view name, auto& id) {
        const auto here = errors.at(name);
        if (auto given = find(name)) read_id(std::move(*given), id, errors);
    });
    if (!errors.empty()) return std::move(errors).take();
    return out;
}

bool names_an_id(const model::identity_query& query) {
    const auto is_given = []<class Id>(const std::optional<Id>& id) {
        if constexpr (std::is_same_v<Id, std::string>) return id && !id->empty();
        return id.has_value();
    };
    bool found = false;
    fields::for_each_id(query, [&](std::string_view, const auto& id) { found = found || is_given(id); });
    return found;
}

result<void> check(const model::identity_query& query) {
    error_list errors("query");
    auto copy = query;
    fields::for_each_id(copy, [&](std::string_view name, auto& id) {
        const auto here = errors.at(name);
        check_id(id, errors);
    });
    return errors.empty() ? result<void>() : result<void>(std::move(errors).take());
}

} // namespace ctms::json
