// SPDX-License-Identifier: MPL-2.0
// Stripe objects from JSON, as Stripe's API and webhooks write them (https://stripe.com/docs/api). Only the members
// that CTMS keeps are looked at, all others are passed over. Where Stripe has the id of an object, the object itself
// may stand ("expanded"): its id is taken. Pure and thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ctms::json {

/// Reads one object from JSON text: customer, subscription, subscription_item, price or invoice.
/// errc::malformed ("Request JSON is not recognized.") for text that is no JSON object with `object` and `id`;
/// errc::invalid ("Unable to process Stripe object.") for another kind of object, or when a member is missing or has
/// a wrong value: `detail` then says which and why, without quoting the value.
[[nodiscard]] CTMS_API result<model::stripe::object> read_stripe_object(std::string_view text);

/// An object of Stripe's of a kind that is not stored.
struct CTMS_API unknown_kind {
    std::string kind; ///< Stripe's `object`
    std::string id;   ///< "" when it is no text

    friend bool operator==(const unknown_kind&, const unknown_kind&) = default; ///< member by member
};
/// An object of either sort.
using any_stripe_object = std::variant<model::stripe::object, unknown_kind>;

/// Is given each object and where it stands in its list, counted from 0; none for one that stands alone.
/// Answers whether to go on.
using stripe_object_visitor = std::function<bool(std::optional<std::size_t> index, result<any_stripe_object> object)>;

/// Reads what an export holds, an object, a JSON list of them, or Stripe's list object ({"object":"list","data":[...]}),
/// of any length. An object that is wrong is visited as an error as of read_stripe_object, always with `detail`, and the
/// others all the same. errc::malformed, with `detail`, and no visit when the text is no JSON.
[[nodiscard]] CTMS_API result<void> read_stripe_objects(std::string_view text, const stripe_object_visitor& visit);

} // namespace ctms::json
