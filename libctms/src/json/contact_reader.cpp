// SPDX-License-Identifier: MPL-2.0
#include "body.hpp"
#include "reader.hpp"

#include <ctms/json/contact_json.hpp>

#include <algorithm>

namespace ctms::json {
namespace {

/// A group of POST or PUT: absent when it is not given, null, or all default.
template <class T>
std::optional<T> read_group(const node& contact, std::string_view name, error_list& errors) {
    const auto* group = contact.member(name);
    if (group == nullptr || group->type == kind::null) return std::nullopt;
    const auto here = errors.at(name);
    if (group->type != kind::object) {
        add_not_a_dict(errors);
        return std::nullopt;
    }
    auto read = read_fields<T>(*group, completeness::whole, errors);
    if (is_default(read.value)) return std::nullopt;
    return std::move(read.value);
}

model::email read_email(const node& contact, purpose why, error_list& errors) {
    const auto here = errors.at("email");
    const auto* group = contact.member("email");
    if (group == nullptr) {
        add_missing(errors);
    } else if (group->type == kind::null) {
        add_null_not_allowed(errors);
    } else if (group->type != kind::object) {
        add_not_a_dict(errors);
    } else {
        auto read = read_fields<model::email>(*group, completeness::whole, errors);
        if (why == purpose::replace) {
            const auto id = errors.at("email_id");
            const auto* given = group->member("email_id");
            if (given == nullptr) add_missing(errors);
            if (given != nullptr && given->type == kind::null) add_null_not_allowed(errors);
        }
        return std::move(read.value);
    }
    return {};
}

/// One of the fields of the waitlists that have a fixed set of them.
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

/// The rule across the name and the fields of a waitlist that is joined.
void check_waitlist_fields(std::string_view name, const node& fields, error_list& errors) {
    const auto here = errors.at("__root__");
    if (name == "vpn") {
        check_text_member(fields, "geo", true, errors);
        check_text_member(fields, "platform", false, errors);
        refuse_other_members(fields, {"geo", "platform"}, errors);
    } else if (name == "relay") {
        check_text_member(fields, "geo", true, errors);
        refuse_other_members(fields, {"geo"}, errors);
    } else if (name.starts_with("relay")) {
        // It is shown as relay_waitlist, whose geo is a string: what is no string could never be read again.
        check_text_member(fields, "geo", false, errors);
    }
}

model::newsletter read_newsletter(const node& item, error_list& errors) {
    return read_fields<model::newsletter>(item, completeness::whole, errors).value;
}

model::waitlist read_waitlist(const node& item, purpose why, error_list& errors) {
    auto read = read_fields<model::waitlist>(item, completeness::whole, errors);
    constexpr std::uint32_t name_index = 0;
    const bool joins = read.value.subscribed || why == purpose::create;
    if (!read.given[name_index] || !joins) return std::move(read.value);
    static constexpr node empty_object{.type = kind::object};
    const auto* fields = item.member("fields");
    if (fields == nullptr || fields->type == kind::array) fields = &empty_object;
    if (fields->type == kind::object) check_waitlist_fields(read.value.name, *fields, errors);
    return std::move(read.value);
}

/// A list of objects; `valid` tells whether all of it could be read.
template <class T, class ReadItem>
std::vector<T> read_list(const node& contact, std::string_view name, error_list& errors, bool& valid, ReadItem read_item) {
    std::vector<T> out;
    const auto before = errors.size();
    const auto here = errors.at(name);
    const auto* list = contact.member(name);
    if (list == nullptr) return out;
    if (list->type == kind::null) {
        add_null_not_allowed(errors);
    } else if (list->type != kind::array) {
        errors.add("value is not a valid list", "type_error.list");
    } else {
        std::size_t index = 0;
        for (const auto* item = list->first; item != nullptr; item = item->next) {
            const auto place = errors.at(index++);
            if (item->type == kind::null) {
                add_null_not_allowed(errors);
            } else if (item->type != kind::object) {
                add_not_a_dict(errors);
            } else {
                out.push_back(read_item(*item));
            }
        }
    }
    valid = errors.size() == before;
    return out;
}

template <class T>
model::older_field<T> read_older(const node& contact, std::string_view name, error_list& errors) {
    model::older_field<T> out;
    const auto* given = contact.member(name);
    out.given = given != nullptr;
    if (given == nullptr || given->type == kind::null) return out;
    const auto here = errors.at(name);
    if (given->type == kind::object) {
        out.value = read_fields<T>(*given, completeness::whole, errors).value;
    } else {
        add_not_a_dict(errors);
    }
    return out;
}

bool has_relay_country(const model::contact_input& contact) {
    if (contact.relay.value && contact.relay.value->geo && !contact.relay.value->geo->empty()) return true;
    return std::any_of(contact.waitlists.begin(), contact.waitlists.end(), [](const auto& waitlist) {
        return waitlist.name == "relay" && !scalar_member(waitlist.fields, "geo").value_or("").empty();
    });
}

/// Whoever subscribes to a newsletter of Relay must say for which country.
void check_relay_country(const model::contact_input& contact, error_list& errors) {
    const bool wants_relay = std::any_of(contact.newsletters.begin(), contact.newsletters.end(), [](const auto& newsletter) {
        return newsletter.subscribed && newsletter.name.starts_with("relay-");
    });
    if (!wants_relay || has_relay_country(contact)) return;
    const auto here = errors.at("__root__");
    errors.add("Relay country missing", "value_error");
}

/// The object to validate; nullptr, with the error added, when the body is none. An empty list counts as an empty
/// object, as the reference takes it.
const node* body_object(const body& sent, error_list& errors) {
    static constexpr node empty_object{.type = kind::object};
    const auto& parsed = sent.parsed().parsed;
    if (!parsed) {
        sent.parsed().missing ? add_missing(errors) : add_not_a_dict(errors);
        return nullptr;
    }
    const auto& root = parsed->root();
    if (root.type == kind::object) return &root;
    if (root.type == kind::array && root.size == 0) return &empty_object;
    root.type == kind::null ? add_missing(errors) : add_not_a_dict(errors);
    return nullptr;
}

} // namespace

result<model::contact_input> read_contact(const body& sent, purpose why) {
    error_list errors("body");
    const auto* contact = body_object(sent, errors);
    if (contact == nullptr) return std::move(errors).take();
    model::contact_input out;
    bool newsletters_valid = true;
    bool waitlists_valid = true;
    out.amo = read_group<model::amo>(*contact, "amo", errors);
    out.email = read_email(*contact, why, errors);
    out.fxa = read_group<model::fxa>(*contact, "fxa", errors);
    out.mofo = read_group<model::mofo>(*contact, "mofo", errors);
    out.newsletters = read_list<model::newsletter>(*contact, "newsletters", errors, newsletters_valid,
                                                   [&](const node& item) { return read_newsletter(item, errors); });
    out.waitlists = read_list<model::waitlist>(*contact, "waitlists", errors, waitlists_valid,
                                               [&](const node& item) { return read_waitlist(item, why, errors); });
    out.vpn = read_older<model::vpn_waitlist>(*contact, "vpn_waitlist", errors);
    out.relay = read_older<model::relay_waitlist>(*contact, "relay_waitlist", errors);
    if (newsletters_valid && waitlists_valid) check_relay_country(out, errors);
    if (!errors.empty()) return std::move(errors).take();
    return out;
}

} // namespace ctms::json
