// SPDX-License-Identifier: MPL-2.0
// What the log says of Stripe objects, whichever way they came.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>
#include <web/server/route.hpp>

#include <span>
#include <string>

namespace ctms::web::routes {

/// Why an object, or a message, was refused.
void note_ingest_error(call& now, const error& failure);

/// What was done to which objects.
void note_actions(call& now, const model::stripe::ingest_report& report);

/// The addresses of customers who asked to be traced, sorted, with commas; "" when there are none.
[[nodiscard]] std::string traced_addresses(std::span<const model::stripe::object* const> objects);

} // namespace ctms::web::routes
