// SPDX-License-Identifier: MPL-2.0
// What a row of a field table says, and how code visits the rows. The tables are in tables.hpp. JSON, SQL, CSV and the vendor's columns
// are folds over them: to follow a field, look for `for_each_field` and `for_each_column`. Constants only, so thread safe.
#pragma once

#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace ctms::fields {

/// What form a string must have, besides its length.
enum class format : std::uint8_t {
    text,
    uuid,   ///< any version, any spelling; stored in canonical form
    url,    ///< pydantic 1's AnyUrl
    choice, ///< one of `choices`, exactly
    object  ///< a JSON object, stored as text
};

/// The rules that the type of a member does not express. Lengths count characters; 0 means no limit.
struct rules {
    std::uint32_t max = 0;
    std::uint32_t min = 0;
    bool required = false;    ///< must be present when a whole resource is sent
    bool output_only = false; ///< set by the database; ignored in input
    bool input_only = false;  ///< neither stored nor written
    bool sql_keyword = false; ///< the name is a keyword of SQL, where it is put in quotes
    bool is_language = false; ///< names languages
    format as = format::text;
    std::span<const std::string_view> choices{};
    std::string_view example{}; ///< a value for the API document: a string as it is, an object as JSON
    std::string_view vendor{};  ///< the vendor's column if it is not flat_name()
};

template <class Owner, class Member>
struct field {
    std::string_view name; ///< in JSON, and of the column
    Member Owner::*member;
    rules rule;
    std::string_view description;
};
template <class Owner, class Member>
field(std::string_view, Member Owner::*, rules, std::string_view) -> field<Owner, Member>;

/// Specialised for each resource: `fields`, a tuple of its fields in output order. Parts of a contact also have `group`, their name in it,
/// and those with flat names `prefix`.
template <class T>
struct table;

/// Calls `visit(field, index)` for each field of T in order.
template <class T, class Visit>
constexpr void for_each_field(Visit&& visit) {
    static_assert(std::tuple_size_v<decltype(table<T>::fields)> <= 32, "model::partial has a bit for each field");
    std::apply(
        [&](const auto&... fields) {
            std::uint32_t index = 0;
            (visit(fields, index++), ...);
        },
        table<T>::fields);
}

/// The id of a contact and the times of a row are columns that every statement treats in its own way.
template <class Member>
inline constexpr bool is_plain_column = !std::is_same_v<Member, uuid> && !std::is_same_v<Member, std::optional<timestamp>>;

/// Calls `visit(field)` for each field of T that is stored in a plain column, in order.
template <class T, class Visit>
constexpr void for_each_column(Visit&& visit) {
    for_each_field<T>([&]<class Member>(const field<T, Member>& one, std::uint32_t) {
        if constexpr (is_plain_column<Member>) {
            if (!one.rule.input_only) visit(one);
        }
    });
}

/// The name of a field where the fields of all groups are in one list, as in CSV: "first_name", "amo_user_id", "fxa_id".
template <class T, class Member>
[[nodiscard]] std::string flat_name(const field<T, Member>& one) {
    const std::string prefix(table<T>::prefix);
    return one.name.starts_with(prefix) ? std::string(one.name) : prefix + std::string(one.name);
}

/// Whether the history of a contact keeps the values of this field: of switches, choices and languages. Of other fields, which may say
/// anything about a person, it keeps only that they changed.
template <class T, class Member>
[[nodiscard]] constexpr bool keeps_values(const field<T, Member>& one) {
    return std::is_same_v<Member, bool> || one.rule.as == format::choice || one.rule.is_language;
}

/// The vendor's column.
template <class T, class Member>
[[nodiscard]] std::string vendor_column(const field<T, Member>& one) {
    return one.rule.vendor.empty() ? flat_name(one) : std::string(one.rule.vendor);
}

} // namespace ctms::fields
