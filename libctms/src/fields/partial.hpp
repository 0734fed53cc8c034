// SPDX-License-Identifier: MPL-2.0
// The bits of a model::partial: bit i is the i-th field of the table. Include it where the call should be inlined. Pure functions.
#pragma once

#include "tables.hpp"

#include <ctms/model/contact_input.hpp>

#include <stdexcept>

namespace ctms::model::detail {

template <class T, class Member>
std::uint32_t field_bit(Member T::*field) {
    std::uint32_t bit = 0;
    fields::for_each_field<T>([&]<class Other>(const fields::field<T, Other>& one, std::uint32_t index) {
        if constexpr (std::is_same_v<Member, Other>) {
            if (one.member == field) bit = 1U << index;
        }
    });
    if (bit == 0) throw std::invalid_argument("the table of fields does not have this member");
    return bit;
}

} // namespace ctms::model::detail
