// SPDX-License-Identifier: MPL-2.0
// Checks Stripe objects that a program filled in. Pure function, thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <set>
#include <string>

namespace ctms::json {

/// Checks an object by the rules of read_stripe_object. Returns its error for a bad object: errc::invalid, whose `detail` has the first
/// broken rule with the path of the member, without the value ("subscription.items[0].price.currency: not three lower-case letters").
[[nodiscard]] result<void> check(const model::stripe::object& object);

/// Returns the members of an object whose values Stripe does not list in the versions that CTMS knows: "subscription.status: dormant". A
/// value that is not made of lower-case letters and underscores is left out: "subscription.status".
[[nodiscard]] std::set<std::string> unknown_values(const model::stripe::object& object);

} // namespace ctms::json
