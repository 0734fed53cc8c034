// SPDX-License-Identifier: MPL-2.0
// Field tables: one constexpr list of members per resource. Reading with validation, writing, the check for default
// values and the API's schema are all built from it. The tables themselves are in tables.hpp; the folds that read and
// write are private to this folder and instantiated only in its sources.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>

namespace ctms::json {

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
    bool output_only = false; ///< ignored in input
    bool input_only = false;  ///< not written
    format as = format::text;
    std::span<const std::string_view> choices{};
    std::string_view example{}; ///< a value for the API document: a string as it is, an object as JSON
};

template <class Owner, class Member>
struct field {
    std::string_view name;
    Member Owner::*member;
    rules rule;
    std::string_view description;
};
template <class Owner, class Member>
field(std::string_view, Member Owner::*, rules, std::string_view) -> field<Owner, Member>;

/// Specialised per resource with `static constexpr auto fields = std::tuple{field{...}, ...};`.
template <class T>
struct table;

/// Calls `visit(field, index)` for each field of T in order.
template <class T, class Visit>
constexpr void for_each_field(Visit&& visit) {
    std::apply(
        [&](const auto&... fields) {
            std::uint32_t index = 0;
            (visit(fields, index++), ...);
        },
        table<T>::fields);
}

} // namespace ctms::json
