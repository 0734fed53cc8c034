// SPDX-License-Identifier: MPL-2.0
// Checks Stripe objects that a program filled in. Pure function, thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

namespace ctms::json {

/// Checks an object by the rules of read_stripe_object. Returns its error for a bad object: errc::invalid, whose `detail` has the first
/// broken rule with the path of the member, without the value ("subscription.items[0].price.currency: not three lower-case letters").
[[nodiscard]] result<void> check(const model::stripe::object& object);

} // namespace ctms::json
