// SPDX-License-Identifier: MPL-2.0
// What the log says about Stripe objects, no matter which endpoint received them.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>
#include <web/server/route.hpp>

#include <span>
#include <string>

namespace ctms::web::routes {

/// Why an object or a message was refused.
void note_ingest_error(call& now, const error& failure);

/// What was done to which objects, if anything.
void note_actions(call& now, const model::stripe::ingest_report& report);

/// The addresses of traced customers, sorted and separated by commas; "" if there are none.
[[nodiscard]] std::string traced_addresses(std::span<const model::stripe::object* const> objects);

} // namespace ctms::web::routes
