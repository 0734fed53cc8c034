// SPDX-License-Identifier: MPL-2.0
// Reads a PATCH. Fields that are unions report the errors of every branch, in the order of the branches, as pydantic 1 does.
#include "contact_parts.hpp"

#include <ctms/json/contact_json.hpp>

namespace ctms::json {
namespace {

bool is_word(const node& value, std::string_view word) { return value.type == kind::string && value.text == word; }

/// Reads an object where "DELETE" would be permitted, too.
template <class T>
model::partial<T> read_union_object(const node& given, error_list& errors) {
    model::partial<T> out;
    read_union(given, remove_word, errors, [&](error_list& inner) {
        if (given.type == kind::object) {
            out = read_fields<T>(given, completeness::whole, inner);
        } else {
            add_not_a_dict(inner);
        }
    });
    return out;
}

template <class T>
model::group_patch<T> read_group(const node& contact, std::string_view name, error_list& errors) {
    model::group_patch<T> out;
    const auto* given = contact.member(name);
    if (given == nullptr) return out;
    const auto here = errors.at(name);
    if (given->type == kind::null) {
        add_null_not_allowed(errors);
    } else if (is_word(*given, remove_word.front())) {
        out.remove();
    } else {
        out.change(read_union_object<T>(*given, errors));
    }
    return out;
}

template <class T>
model::older_field<T> read_older(const node& contact, std::string_view name, error_list& errors) {
    model::older_field<T> out;
    const auto* given = contact.member(name);
    if (given == nullptr) return out;
    const auto here = errors.at(name);
    if (given->type == kind::null || is_word(*given, remove_word.front())) {
        out.leave();
    } else {
        out.set(read_union_object<T>(*given, errors).value());
    }
    return out;
}

/// Reads a list or `"UNSUBSCRIBE"`; the errors of the list come first.
template <class T, class ReadItem>
model::list_patch<T> read_list(const node& contact, std::string_view name, error_list& errors, ReadItem read_item) {
    model::list_patch<T> out;
    const auto* given = contact.member(name);
    if (given == nullptr) return out;
    const auto here = errors.at(name);
    const auto before = errors.size();
    if (given->type == kind::null) {
        add_null_not_allowed(errors);
        return out;
    }
    if (is_word(*given, unsubscribe_word.front())) {
        out.unsubscribe_all();
        return out;
    }
    if (given->type == kind::array) {
        for (auto& item : read_items<T>(*given, errors, read_item)) out.put(std::move(item));
    } else {
        add_not_a_list(errors);
    }
    if (errors.size() > before) add_not_permitted(*given, unsubscribe_word, errors);
    return out;
}

model::partial<model::email> read_email(const node& contact, error_list& errors) {
    const auto* group = contact.member("email");
    if (group == nullptr) return {};
    const auto here = errors.at("email");
    if (group->type == kind::null) {
        add_null_not_allowed(errors);
        return {};
    }
    if (group->type != kind::object) {
        add_not_a_dict(errors);
        return {};
    }
    return read_fields<model::email>(*group, completeness::change, errors);
}

} // namespace

result<checked<model::contact_patch>> read_patch(const body& sent, const contact_rules& rules) {
    error_list errors("body");
    const auto* contact = body_object(sent, errors);
    if (contact == nullptr) return std::move(errors).take();
    model::contact_patch out;
    out.amo = read_group<model::amo>(*contact, "amo", errors);
    out.email = read_email(*contact, errors);
    out.fxa = read_group<model::fxa>(*contact, "fxa", errors);
    out.mofo = read_group<model::mofo>(*contact, "mofo", errors);
    const auto before_lists = errors.size();
    out.newsletters =
        read_list<model::newsletter>(*contact, "newsletters", errors, [&](const node& item) { return read_newsletter(item, errors); });
    out.waitlists = read_list<model::waitlist>(*contact, "waitlists", errors,
                                               [&](const node& item) { return read_waitlist(item, false, rules, errors); });
    const bool lists_are_good = errors.size() == before_lists;
    out.vpn = read_older<model::vpn_waitlist>(*contact, "vpn_waitlist", errors);
    out.relay = read_older<model::relay_waitlist>(*contact, "relay_waitlist", errors);
    if (lists_are_good) check_relay_country(out.newsletters.items(), out.waitlists.items(), out.relay, errors);
    if (!errors.empty()) return std::move(errors).take();
    return check_mark::on(std::move(out));
}

template <class T>
void apply(const model::partial<T>& changes, T& to) {
    fields::for_each_field<T>([&]<class Member>(const fields::field<T, Member>& field, std::uint32_t) {
        if constexpr (fields::is_settable<Member>) {
            if (changes.has(field.member)) to.*(field.member) = changes.value().*(field.member);
        }
    });
}

template <class T>
bool is_default(const T& group) {
    const T defaults{};
    bool same = true;
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        if (!field.rule.output_only) same = same && group.*(field.member) == defaults.*(field.member);
    });
    return same;
}

template void apply(const model::partial<model::email>&, model::email&);
template void apply(const model::partial<model::amo>&, model::amo&);
template void apply(const model::partial<model::fxa>&, model::fxa&);
template void apply(const model::partial<model::mofo>&, model::mofo&);
template void apply(const model::partial<model::newsletter>&, model::newsletter&);
template void apply(const model::partial<model::waitlist>&, model::waitlist&);
template bool is_default(const model::amo&);
template bool is_default(const model::fxa&);
template bool is_default(const model::mofo&);

} // namespace ctms::json
