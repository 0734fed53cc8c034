// SPDX-License-Identifier: MPL-2.0
// Contacts in which every field of the field tables has a value of its own. A field that is added to a table is in them without a
// change here. Pure functions.
#pragma once

#include <fields/tables.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include <string>
#include <type_traits>

namespace ctms::test {

/// There are two values for each field, `a` and `b`. Booleans alternate within a sample, so that two of them are seldom the same.
enum class sample : int { a, b };

[[nodiscard]] constexpr sample other(sample which) { return which == sample::a ? sample::b : sample::a; }

/// Names of the items of the lists: the same in both samples, so that one item replaces the other.
inline constexpr auto sample_newsletter = "sample-newsletter";
inline constexpr auto sample_waitlist = "sample-waitlist";

/// The groups of a contact. `number` tells the values of equally named fields apart.
template <class T>
struct group_of;
template <class T, int Number>
struct part {
    static constexpr auto name = fields::table<T>::group;
    static constexpr int number = Number;
};
template <>
struct group_of<model::email> : part<model::email, 1> {};
template <>
struct group_of<model::amo> : part<model::amo, 2> {};
template <>
struct group_of<model::fxa> : part<model::fxa, 3> {};
template <>
struct group_of<model::mofo> : part<model::mofo, 4> {};
template <>
struct group_of<model::newsletter> : part<model::newsletter, 5> {};
template <>
struct group_of<model::waitlist> : part<model::waitlist, 6> {};
template <>
struct group_of<model::vpn_waitlist> {
    static constexpr auto name = "vpn_waitlist";
    static constexpr int number = 7;
};
template <>
struct group_of<model::relay_waitlist> {
    static constexpr auto name = "relay_waitlist";
    static constexpr int number = 8;
};

/// Whether a client sets the field to a value that is stored under its name. The id of the contact is not among them.
template <class Field>
[[nodiscard]] constexpr bool is_settable(const Field& field) {
    return !field.rule.output_only && !field.rule.input_only && field.name != "email_id";
}

/// A text that no other field has, within the limits of the field.
[[nodiscard]] inline boost::json::value sample_text(const fields::rules& rule, std::string_view group, std::string_view name, int number) {
    switch (rule.as) {
    case fields::format::uuid: return boost::json::value(fmt::format("00000000-0000-4000-9000-{:012}", number));
    case fields::format::url: return boost::json::value(fmt::format("https://example.com/{}/{}/{}", group, name, number));
    case fields::format::object:
        return boost::json::object{{"geo", fmt::format("{}-geo", number)}, {"platform", fmt::format("{}-platform", number)}};
    case fields::format::choice: return boost::json::value(rule.choices[number % 2 == 0 ? 1 : 0]);
    case fields::format::text: break;
    }
    const auto longer = fmt::format("{}-{}-{}@example.com", group, name, number);
    return boost::json::value(rule.max == 0 || longer.size() <= rule.max ? longer : fmt::format("{}", number));
}

/// The value of a field in a sample, as the API writes it.
template <class Owner, class Member>
[[nodiscard]] boost::json::value sample_value(const fields::field<Owner, Member>& field, std::uint32_t index, sample which) {
    const int number = group_of<Owner>::number * 100 + static_cast<int>(index) * 2 + static_cast<int>(which);
    if constexpr (std::is_same_v<Member, bool>) {
        return (index + static_cast<std::uint32_t>(which)) % 2 == 0;
    } else if constexpr (std::is_same_v<Member, std::optional<date>>) {
        return boost::json::value(fmt::format("20{:02}-03-{:02}", index + 1, 10 + static_cast<int>(which)));
    } else {
        return sample_text(field.rule, group_of<Owner>::name, field.name, number);
    }
}

/// All fields of a group that a client sets, but for the names of list items.
template <class T>
[[nodiscard]] boost::json::object sample_group(sample which) {
    boost::json::object out;
    fields::for_each_field<T>([&](const auto& field, std::uint32_t index) {
        if (is_settable(field)) out[field.name] = sample_value(field, index, which);
    });
    return out;
}

/// A whole contact in the form of the API.
[[nodiscard]] inline boost::json::object sample_contact(const std::string& email_id, sample which) {
    auto email = sample_group<model::email>(which);
    email["email_id"] = email_id;
    auto newsletter = sample_group<model::newsletter>(which);
    newsletter["name"] = sample_newsletter;
    auto waitlist = sample_group<model::waitlist>(which);
    waitlist["name"] = sample_waitlist;
    return {{"amo", sample_group<model::amo>(which)}, {"email", std::move(email)},
            {"fxa", sample_group<model::fxa>(which)}, {"mofo", sample_group<model::mofo>(which)},
            {"newsletters", {std::move(newsletter)}}, {"waitlists", {std::move(waitlist)}}};
}

} // namespace ctms::test
