// SPDX-License-Identifier: MPL-2.0
#include "field_bits.hpp"

namespace ctms::fields {

using namespace model;

template std::uint32_t field_bit(std::string email::*);
template std::uint32_t field_bit(text email::*);
template std::uint32_t field_bit(bool email::*);
template std::uint32_t field_bit(uuid email::*);
template std::uint32_t field_bit(text amo::*);
template std::uint32_t field_bit(bool amo::*);
template std::uint32_t field_bit(std::optional<date> amo::*);
template std::uint32_t field_bit(text fxa::*);
template std::uint32_t field_bit(bool fxa::*);
template std::uint32_t field_bit(text mofo::*);
template std::uint32_t field_bit(bool mofo::*);
template std::uint32_t field_bit(std::string newsletter::*);
template std::uint32_t field_bit(text newsletter::*);
template std::uint32_t field_bit(bool newsletter::*);
template std::uint32_t field_bit(std::string waitlist::*);
template std::uint32_t field_bit(text waitlist::*);
template std::uint32_t field_bit(bool waitlist::*);
template std::uint32_t field_bit(text vpn_waitlist::*);
template std::uint32_t field_bit(text relay_waitlist::*);

template std::uint32_t keep_settable(email&);
template std::uint32_t keep_settable(amo&);
template std::uint32_t keep_settable(fxa&);
template std::uint32_t keep_settable(mofo&);
template std::uint32_t keep_settable(newsletter&);
template std::uint32_t keep_settable(waitlist&);
template std::uint32_t keep_settable(vpn_waitlist&);
template std::uint32_t keep_settable(relay_waitlist&);

} // namespace ctms::fields
