// SPDX-License-Identifier: MPL-2.0
#include "contact_parts.hpp"

#include <ctms/json/contact_json.hpp>

namespace ctms::json {
namespace {

/// Reads a group of POST or PUT. Returns nullopt if the group is missing, null, or has only default values.
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
    if (is_default(read.value())) return std::nullopt;
    return std::move(read).value();
}

/// Checks the email_id that the body of a PUT must also contain.
void check_email_id(const node& email, error_list& errors) {
    const auto here = errors.at("email_id");
    const auto* given = email.member("email_id");
    if (given == nullptr) add_missing(errors);
    if (given != nullptr && given->type == kind::null) add_null_not_allowed(errors);
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
        if (why == purpose::replace) check_email_id(*group, errors);
        return std::move(read).value();
    }
    return {};
}

template <class T, class ReadItem>
std::vector<model::partial<T>> read_list(const node& contact, std::string_view name, error_list& errors, ReadItem read_item) {
    const auto* list = contact.member(name);
    if (list == nullptr) return {};
    const auto here = errors.at(name);
    if (list->type == kind::array) return read_items<T>(*list, errors, read_item);
    list->type == kind::null ? add_null_not_allowed(errors) : add_not_a_list(errors);
    return {};
}

template <class T>
model::older_field<T> read_older(const node& contact, std::string_view name, error_list& errors) {
    model::older_field<T> out;
    const auto* given = contact.member(name);
    if (given == nullptr) return out;
    out.leave();
    if (given->type == kind::null) return out;
    const auto here = errors.at(name);
    if (given->type == kind::object) {
        out.set(read_fields<T>(*given, completeness::whole, errors).value());
    } else {
        add_not_a_dict(errors);
    }
    return out;
}

} // namespace

result<checked<model::contact_input>> read_contact(const body& sent, purpose why, const contact_rules& rules) {
    error_list errors("body");
    const auto* contact = body_object(sent, errors);
    if (contact == nullptr) return std::move(errors).take();
    model::contact_input out;
    out.amo = read_group<model::amo>(*contact, "amo", errors);
    out.email = read_email(*contact, why, errors);
    out.fxa = read_group<model::fxa>(*contact, "fxa", errors);
    out.mofo = read_group<model::mofo>(*contact, "mofo", errors);
    const auto before_lists = errors.size();
    auto newsletters =
        read_list<model::newsletter>(*contact, "newsletters", errors, [&](const node& item) { return read_newsletter(item, errors); });
    auto waitlists = read_list<model::waitlist>(
        *contact, "waitlists", errors, [&](const node& item) { return read_waitlist(item, why == purpose::create, rules, errors); });
    const bool lists_are_good = errors.size() == before_lists;
    out.vpn = read_older<model::vpn_waitlist>(*contact, "vpn_waitlist", errors);
    out.relay = read_older<model::relay_waitlist>(*contact, "relay_waitlist", errors);
    if (lists_are_good) check_relay_country(newsletters, waitlists, out.relay, errors);
    if (!errors.empty()) return std::move(errors).take();
    out.newsletters = values_of(std::move(newsletters));
    out.waitlists = values_of(std::move(waitlists));
    return check_mark::on(std::move(out), why);
}

} // namespace ctms::json
