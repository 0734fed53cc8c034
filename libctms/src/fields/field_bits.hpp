// SPDX-License-Identifier: MPL-2.0
// The bits of a model::partial, which ctms/model/contact_input.hpp declares: bit i is the i-th field of the table. Include it where
// field_bit should be inlined. Pure functions.
#pragma once

#include "tables.hpp"

#include <ctms/model/contact_input.hpp>

#include <stdexcept>
#include <type_traits>
#include <utility>

namespace ctms::fields {

template <class T, class Member>
std::uint32_t field_bit(Member T::*member) {
    std::uint32_t bit = 0;
    for_each_field<T>([&]<class Other>(const field<T, Other>& one, std::uint32_t index) {
        if constexpr (std::is_same_v<Member, Other>) {
            if (one.member == member) bit = 1U << index;
        }
    });
    if (bit == 0) throw std::invalid_argument("the table of fields does not have this member");
    return bit;
}

template <class T>
std::uint32_t keep_settable(T& value) {
    T kept{};
    std::uint32_t bits = 0;
    for_each_field<T>([&]<class Member>(const field<T, Member>& one, std::uint32_t index) {
        if constexpr (is_settable<Member>) {
            kept.*(one.member) = std::move(value.*(one.member));
            bits |= 1U << index;
        }
    });
    value = std::move(kept);
    return bits;
}

} // namespace ctms::fields
