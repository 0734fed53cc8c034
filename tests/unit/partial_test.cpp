// SPDX-License-Identifier: MPL-2.0
// Every field of every table can be set and is then the only one that was set. A type of member that fields/field_bits.cpp lacks does not
// link.
#include <fields/tables.hpp>

#include <ctms/json/contact_json.hpp>
#include <ctms/model/contact_input.hpp>

#include <doctest/doctest.h>

using namespace ctms;

namespace {

template <class Member>
inline constexpr bool is_time = std::is_same_v<Member, std::optional<timestamp>>;

/// A value that is not the default of any field.
template <class Member>
Member other_value(const Member& standard) {
    if constexpr (std::is_same_v<Member, bool>) return !standard;
    if constexpr (std::is_same_v<Member, uuid>) return uuid::random();
    if constexpr (std::is_same_v<Member, std::optional<date>>) return date{std::chrono::year{2020} / 1 / 27};
    if constexpr (std::is_constructible_v<Member, const char*>) return Member("other");
}

template <class T>
void check_each_field() {
    T filled;
    model::partial<T> one_by_one;
    fields::for_each_field<T>([&]<class Member>(const fields::field<T, Member>& one, std::uint32_t index) {
        if constexpr (!is_time<Member>) {
            CAPTURE(one.name);
            model::partial<T> partial;
            CHECK(partial.empty());
            const auto value = other_value(T{}.*(one.member));
            partial.set(one.member, value);
            CHECK_FALSE(partial.empty());
            CHECK((partial.value().*(one.member) == value));
            fields::for_each_field<T>([&]<class Other>(const fields::field<T, Other>& other, std::uint32_t place) {
                if constexpr (!is_time<Other>) CHECK(partial.has(other.member) == (place == index));
            });
            CHECK(model::partial<T>::whole({}).has(one.member));
            filled.*(one.member) = value;
            one_by_one.set(one.member, value);
        } else {
            filled.*(one.member) = timestamp{std::chrono::hours{1}};
        }
    });
    CHECK(model::partial<T>::whole(filled) == one_by_one);
    one_by_one = {};
    CHECK_FALSE(model::partial<T>::whole({}) == one_by_one);
}

} // namespace

TEST_CASE("every field that a client can send can be set on its own") {
    check_each_field<model::email>();
    check_each_field<model::amo>();
    check_each_field<model::fxa>();
    check_each_field<model::mofo>();
    check_each_field<model::newsletter>();
    check_each_field<model::waitlist>();
    check_each_field<model::vpn_waitlist>();
    check_each_field<model::relay_waitlist>();
}

TEST_CASE("setting a field copies it, and only it") {
    model::partial<model::amo> changes;
    changes.set(&model::amo::username, "jane").set(&model::amo::location, std::nullopt);
    model::amo amo;
    amo.location = "Bremen";
    amo.display_name = "J";
    json::apply(changes, amo);
    CHECK(amo.username == "jane");
    CHECK_FALSE(amo.location);
    CHECK(amo.display_name == "J");
}

TEST_CASE("a patch of a group is empty if it changes nothing") {
    model::group_patch<model::fxa> patch;
    CHECK(patch.empty());
    patch.remove();
    CHECK_FALSE(patch.empty());
    CHECK_FALSE(patch.sets_fields());
    patch.set(&model::fxa::lang, "de");
    CHECK(patch.sets_fields());
    model::group_patch<model::fxa> change;
    change.set(&model::fxa::lang, "de");
    CHECK_FALSE(change.empty());
    CHECK(change.sets_fields());
}
