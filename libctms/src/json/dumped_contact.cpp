// SPDX-License-Identifier: MPL-2.0
#include "dumped_contact.hpp"

#include "body.hpp"
#include "field_writer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace ctms::json {
namespace {

/// Adds the contact's id to the text of an object, as the last member: if a name is repeated, the last one counts.
std::string with_id(const uuid& email_id, std::string object) {
    object.pop_back();
    object += object.size() > 1 ? R"(,"email_id":")" : R"("email_id":")";
    return object + email_id.to_string() + "\"}";
}

template <class T>
std::string row_of(const uuid& email_id, const T& value) {
    std::string text;
    write_fields(text, value);
    return with_id(email_id, std::move(text));
}

template <class T>
std::string row_of(const uuid& email_id, const std::optional<T>& group) {
    return group ? row_of(email_id, *group) : std::string();
}

template <class T>
std::string rows_of(const uuid& email_id, const std::vector<T>& items) {
    std::string out;
    for (const auto& item : items) out += (out.empty() ? "" : ",") + row_of(email_id, item);
    return out;
}

std::string row_of(const uuid& email_id, const node& object) {
    std::string text;
    write(text, object);
    return with_id(email_id, std::move(text));
}

/// Reads a group of a dumped contact; "" if it is missing or null.
result<std::string> read_group(const node& contact, const uuid& email_id, std::string_view name) {
    const auto* group = contact.member(name);
    if (group == nullptr || group->type == kind::null) return std::string();
    if (group->type != kind::object) return invalid(fmt::format("{}: not an object", name));
    return row_of(email_id, *group);
}

result<std::string> read_list(const node& contact, const uuid& email_id, std::string_view list_name) {
    const auto* list = contact.member(list_name);
    if (list == nullptr || list->type == kind::null) return std::string();
    if (list->type != kind::array) return invalid(fmt::format("{}: not a list", list_name));
    std::string out;
    std::set<std::string_view> names;
    for (const auto* item = list->first; item != nullptr; item = item->next) {
        const auto* name = item->type == kind::object ? item->member("name") : nullptr;
        if (name == nullptr || name->type != kind::string) return invalid(fmt::format("{}: an item without a name", list_name));
        if (!names.insert(name->text).second) return invalid(fmt::format("{}: a name appears twice", list_name));
        out += (out.empty() ? "" : ",") + row_of(email_id, *item);
    }
    return out;
}

/// The member with this name if it is a string; nullptr otherwise.
const node* text_member(const node& object, std::string_view name) {
    const auto* member = object.type == kind::object ? object.member(name) : nullptr;
    return member != nullptr && member->type == kind::string ? member : nullptr;
}

result<model::stored_rows> read_email(const node& contact) {
    const auto* email = contact.member("email");
    if (email == nullptr || email->type != kind::object) return invalid("email: missing");
    const auto* id = text_member(*email, "email_id");
    const auto email_id = id != nullptr ? uuid::parse(id->text) : std::nullopt;
    if (!email_id || email_id->is_nil()) return invalid("email.email_id: not a UUID");
    const auto* address = text_member(*email, "primary_email");
    if (address == nullptr) return invalid("email.primary_email: missing");
    model::stored_rows out;
    out.email_id = *email_id;
    out.primary_email = address->text;
    write(out.email, *email);
    return out;
}

std::string place_of(const field_error& one) {
    std::string out;
    for (const auto& step : one.location) {
        const auto* name = std::get_if<std::string>(&step);
        if (name != nullptr && *name == "body") continue;
        out += (out.empty() ? "" : ".") + (name != nullptr ? *name : std::to_string(std::get<std::size_t>(step)));
    }
    return out;
}

} // namespace

bool is_dumped(const body& sent) {
    const auto* root = sent.parsed().root;
    const auto* format = root != nullptr ? text_member(*root, "format") : nullptr;
    return format != nullptr && format->text == model::dump_format;
}

result<model::stored_rows> read_dumped_contact(const body& sent) {
    const auto& contact = *sent.parsed().root;
    if (const auto* why = find_unstorable(contact)) return invalid(why);
    auto out = read_email(contact);
    if (!out) return out;
    using part = std::string model::stored_rows::*;
    for (const auto& [name, target] :
         {std::pair{"amo", part(&model::stored_rows::amo)}, {"fxa", &model::stored_rows::fxa}, {"mofo", &model::stored_rows::mofo}}) {
        auto group = read_group(contact, out->email_id, name);
        if (!group) return group.error();
        (*out).*target = std::move(*group);
    }
    for (const auto& [name, target] :
         {std::pair{"newsletters", part(&model::stored_rows::newsletters)}, {"waitlists", &model::stored_rows::waitlists}}) {
        auto list = read_list(contact, out->email_id, name);
        if (!list) return list.error();
        (*out).*target = std::move(*list);
    }
    return out;
}

bool opt_outs::are_cleared_by(const opt_outs& after) const {
    const auto receives = [&](const std::string& name) { return after.subscribed.contains(name); };
    return (email && !after.email) || std::any_of(newsletters.begin(), newsletters.end(), receives);
}

opt_outs opt_outs_of(const model::contact& contact) {
    opt_outs out;
    out.email = contact.email.has_opted_out_of_email;
    for (const auto& one : contact.newsletters) (one.subscribed ? out.subscribed : out.newsletters).insert(one.name);
    return out;
}

opt_outs opt_outs_of(const body& dumped) {
    const auto& contact = *dumped.parsed().root;
    const auto is_true = [](const node& object, std::string_view name) {
        const auto* member = object.member(name);
        return member != nullptr && member->type == kind::boolean && member->truth;
    };
    opt_outs out;
    out.email = is_true(*contact.member("email"), "has_opted_out_of_email");
    const auto* list = contact.member("newsletters");
    for (const auto* item = list != nullptr ? list->first : nullptr; item != nullptr; item = item->next)
        (is_true(*item, "subscribed") ? out.subscribed : out.newsletters).emplace(item->member("name")->text);
    return out;
}

model::stored_rows to_stored_rows(const model::contact& contact) {
    const auto& id = contact.email.email_id;
    model::stored_rows out;
    out.email_id = id;
    out.primary_email = contact.email.primary_email;
    write_fields(out.email, contact.email);
    out.amo = row_of(id, contact.amo);
    out.fxa = row_of(id, contact.fxa);
    out.mofo = row_of(id, contact.mofo);
    out.newsletters = rows_of(id, contact.newsletters);
    out.waitlists = rows_of(id, contact.waitlists);
    return out;
}

std::string describe(const error& failure) {
    if (failure.fields.empty()) return failure.message;
    std::string out;
    for (const auto& one : failure.fields) {
        // The message already contains the position in the text.
        const auto place = one.type == "value_error.jsondecode" ? std::string() : place_of(one);
        out += fmt::format("{}{}{}{}", out.empty() ? "" : "; ", place, place.empty() ? "" : ": ", one.message);
    }
    return out;
}

} // namespace ctms::json
