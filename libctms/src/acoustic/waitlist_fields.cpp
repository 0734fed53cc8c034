// SPDX-License-Identifier: MPL-2.0
#include "waitlist_fields.hpp"

#include "json/document.hpp"

#include <string_view>
#include <variant>

namespace ctms::acoustic {
namespace {

constexpr std::string_view infix = "_waitlist_";

std::string text_of(const json::node& value) {
    switch (value.type) {
    case json::kind::string:
    case json::kind::number: return std::string(value.text);
    case json::kind::boolean: return value.truth ? "1" : "0";
    case json::kind::null:
    case json::kind::non_finite: return {};
    case json::kind::array:
    case json::kind::object: break;
    }
    std::string out;
    json::write(out, value);
    return out;
}

std::string value_of(const model::waitlist& waitlist, std::string_view field) {
    if (field == "source") return waitlist.source.value_or("");
    const auto parsed = json::document::parse(waitlist.fields, {});
    const auto* fields = std::get_if<json::document>(&parsed);
    if (fields == nullptr || fields->root().type != json::kind::object) return {};
    const auto* value = fields->root().member(field);
    return value == nullptr ? std::string() : text_of(*value);
}

/// The waitlist that a field belongs to. The longest name wins: a_waitlist_b_waitlist_geo belongs to `a_waitlist_b`, not to `a`.
const model::waitlist* owner_of(std::string_view field, const std::vector<model::waitlist>& waitlists) {
    const model::waitlist* found = nullptr;
    for (const auto& waitlist : waitlists) {
        const bool is_its = field.starts_with(waitlist.name) && field.substr(waitlist.name.size()).starts_with(infix);
        if (is_its && (found == nullptr || found->name.size() < waitlist.name.size())) found = &waitlist;
    }
    return found;
}

} // namespace

std::vector<column> waitlist_fields(const std::vector<model::waitlist>& waitlists, const std::set<std::string>& configured) {
    std::vector<column> out;
    for (const auto& field : configured) {
        if (field.find(infix) == std::string::npos) continue;
        const auto* owner = owner_of(field, waitlists);
        out.push_back({field, owner == nullptr ? "" : value_of(*owner, std::string_view(field).substr(owner->name.size() + infix.size()))});
    }
    return out;
}

} // namespace ctms::acoustic
