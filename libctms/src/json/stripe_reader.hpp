// SPDX-License-Identifier: MPL-2.0
// Reads Stripe objects from JSON that is already parsed. Private to this layer.
#pragma once

#include "document.hpp"

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <string_view>

namespace ctms::json {

/// Whether objects of this kind (their member `object`) are stored: customer, invoice, price, subscription,
/// subscription_item.
[[nodiscard]] bool is_stored_kind(std::string_view kind);

/// Reads one object as read_stripe_object does, with the same errors; errc::invalid for a kind that is not stored.
/// The result does not refer to the node.
[[nodiscard]] result<model::stripe::object> read_stripe_node(const node& object);

} // namespace ctms::json
