// SPDX-License-Identifier: MPL-2.0
// Data for the microbenchmarks: a contact with all fields, and a request for it as a client behind a proxy sends it.
// Pure functions. They throw std::logic_error when the contact is refused.
#pragma once

#include <ctms/model/contact.hpp>
#include <web/server/exchange.hpp>

#include <string>
#include <string_view>

namespace ctms::bench {

inline constexpr std::string_view contact_id = "332de237-cab7-4461-bcc3-48e68f42bd5c";

/// The body of POST /ctms with all groups and fields, five newsletters and three waitlists.
[[nodiscard]] std::string contact_body();

/// The contact that is stored from this body, with all timestamps.
[[nodiscard]] model::contact stored_contact();

/// GET of that contact with seven headers, as it is logged.
[[nodiscard]] web::exchange get_contact();

} // namespace ctms::bench
