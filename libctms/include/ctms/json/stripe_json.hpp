// SPDX-License-Identifier: MPL-2.0
// Stripe objects from JSON, as Stripe's API and webhooks write them (https://stripe.com/docs/api). Only the members
// that CTMS keeps are looked at, all others are passed over. Where Stripe has the id of an object, the object itself
// may stand ("expanded"): its id is taken. Pure and thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <string_view>

namespace ctms::json {

/// Reads one object from JSON text: customer, subscription, subscription_item, price or invoice.
/// errc::malformed ("Request JSON is not recognized.") for text that is no JSON object with `object` and `id`;
/// errc::invalid ("Unable to process Stripe object.") for another kind of object, or when a member is missing or has
/// a wrong value: `detail` then says which and why, without quoting the value.
[[nodiscard]] result<model::stripe::object> read_stripe_object(std::string_view text);

} // namespace ctms::json
