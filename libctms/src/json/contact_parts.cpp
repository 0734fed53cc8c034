// SPDX-License-Identifier: MPL-2.0
#include "contact_parts.hpp"

#include <ctms/json/contact_json.hpp>

#include <algorithm>

namespace ctms::json {
namespace {

/// Checks one field of a waitlist that has a fixed set of fields.
void check_text_member(const node& fields, std::string_view name, bool required, error_list& errors) {
    const auto here = errors.at(name);
    const auto* member = fields.member(name);
    if (member == nullptr) {
        if (required) add_missing(errors);
    } else if (member->type == kind::null) {
        if (required) add_null_not_allowed(errors);
    } else {
        constexpr std::uint32_t longest = 100;
        (void)read_text(*member, {.max = longest}, errors);
    }
}

void refuse_other_members(const node& fields, std::initializer_list<std::string_view> known, error_list& errors) {
    for (const auto* member = fields.first; member != nullptr; member = member->next) {
        if (std::find(known.begin(), known.end(), member->key) != known.end()) continue;
        const auto here = errors.at(member->key);
        errors.add("extra fields not permitted", "value_error.extra");
    }
}

bool has_relay_country(const std::vector<model::partial<model::waitlist>>& waitlists,
                       const model::older_field<model::relay_waitlist>& relay) {
    if (relay.value() && !relay.value()->geo.value_or("").empty()) return true;
    return std::any_of(waitlists.begin(), waitlists.end(), [](const auto& waitlist) {
        return waitlist.value().name == "relay" && !scalar_member(waitlist.value().fields, "geo").value_or("").empty();
    });
}

constexpr node empty_object{.type = kind::object};

} // namespace

const node* body_object(const body& sent, error_list& errors) {
    if (sent.parsed().root == nullptr) {
        sent.parsed().missing ? add_missing(errors) : add_not_a_dict(errors);
        return nullptr;
    }
    const auto& root = *sent.parsed().root;
    if (root.type == kind::object) return &root;
    // An empty list counts as an empty object, as in the Python service.
    if (root.type == kind::array && root.size == 0) return &empty_object;
    root.type == kind::null ? add_missing(errors) : add_not_a_dict(errors);
    return nullptr;
}

model::partial<model::newsletter> read_newsletter(const node& item, error_list& errors) {
    return read_fields<model::newsletter>(item, completeness::whole, errors);
}

model::partial<model::waitlist> read_waitlist(const node& item, bool always_joins, const contact_rules& rules, error_list& errors) {
    auto read = read_fields<model::waitlist>(item, completeness::whole, errors);
    if (!read.has(&model::waitlist::name) || !(read.value().subscribed || always_joins)) return read;
    const auto* fields = item.member("fields");
    if (fields == nullptr || fields->type == kind::array) fields = &empty_object;
    if (fields->type == kind::object) check_waitlist_fields(read.value().name, *fields, rules, errors);
    return read;
}

void check_waitlist_fields(std::string_view name, const node& fields, const contact_rules& rules, error_list& errors) {
    const auto here = errors.at("__root__");
    if (name == "vpn") {
        check_text_member(fields, "geo", !rules.geo_optional, errors);
        check_text_member(fields, "platform", false, errors);
        refuse_other_members(fields, {"geo", "platform"}, errors);
    } else if (name == "relay") {
        check_text_member(fields, "geo", !rules.geo_optional, errors);
        refuse_other_members(fields, {"geo"}, errors);
    } else if (name.starts_with("relay")) {
        // The waitlist is shown as relay_waitlist, whose geo is a string: any other value could not be read back.
        check_text_member(fields, "geo", false, errors);
    }
}

void check_relay_country(const std::vector<model::partial<model::newsletter>>& newsletters,
                         const std::vector<model::partial<model::waitlist>>& waitlists,
                         const model::older_field<model::relay_waitlist>& relay, error_list& errors) {
    const bool wants_relay = std::any_of(newsletters.begin(), newsletters.end(), [](const auto& newsletter) {
        return newsletter.value().subscribed && newsletter.value().name.starts_with("relay-");
    });
    if (!wants_relay || has_relay_country(waitlists, relay)) return;
    const auto here = errors.at("__root__");
    errors.add("Relay country missing", "value_error");
}

void add_not_a_list(error_list& errors) { errors.add("value is not a valid list", "type_error.list"); }

} // namespace ctms::json
