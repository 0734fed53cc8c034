// SPDX-License-Identifier: MPL-2.0
// Reads Stripe objects from JSON as Stripe's API and webhooks write them (https://stripe.com/docs/api), and from push messages of Google
// Pub/Sub (https://cloud.google.com/pubsub/docs/push): base64 of JSON, one object or a dictionary of several. Only members that CTMS stores
// are read; others are ignored. If an object is included ("expanded") where Stripe usually has an id, its id is used. Pure functions,
// thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ctms::json {

/// Reads one object: customer, subscription, subscription_item, price or invoice. Returns errc::malformed ("Request JSON is not
/// recognized.") if the text is not a JSON object with `object` and `id`. Returns errc::invalid ("Unable to process Stripe object.") for
/// another kind of object, or if a member is missing or has a wrong value; `detail` then says which member and why, without the value.
/// Takes the forms of all versions of Stripe's API from 2020-08-27 to 2026-11-18.endive (https://docs.stripe.com/changelog), and values of
/// `status`, `interval` and the type of a line that are not in Stripe's lists. An object that belongs to nobody is an unattached_object.
[[nodiscard]] CTMS_API result<model::stripe::object> read_stripe_object(std::string_view text);

/// A Stripe object of a kind that is not stored.
struct CTMS_API unknown_kind {
    std::string kind; ///< Stripe's `object`
    std::string id;   ///< "" if it is not a string

    friend bool operator==(const unknown_kind&, const unknown_kind&) = default; ///< member by member
};
/// An object of a kind that is stored or not.
using any_stripe_object = std::variant<model::stripe::object, unknown_kind>;

/// Receives each object and its index in the list, starting at 0; nullopt if it is not in a list. Returns false to stop.
using stripe_object_visitor = std::function<bool(std::optional<std::size_t> index, result<any_stripe_object> object)>;

/// Reads an export of any length: one object, a JSON list of objects, or Stripe's list object ({"object":"list","data":[...]}). An invalid
/// object is visited as an error like those of read_stripe_object, always with `detail`; reading then continues. Returns true if the text
/// is only a part of a list: Stripe's list object says with `has_more` that others follow (https://docs.stripe.com/api/pagination). Returns
/// errc::malformed, with `detail` and without a visit, if the text is not JSON.
[[nodiscard]] CTMS_API result<bool> read_stripe_objects(std::string_view text, const stripe_object_visitor& visit);

/// One value of the payload of a push message.
struct CTMS_API pubsub_item {
    /// Kinds of values.
    enum class kind {
        object,       ///< a valid object of a kind that is stored
        unknown_kind, ///< an object of a kind that is not stored
        empty,        ///< a value without members, in a dictionary
        failed        ///< an object that breaks a rule: `value` has the error
    };
    kind what = kind::object; ///< kind of the value
    std::string name;         ///< "object:id" of an object; otherwise its key in the dictionary, or "payload" if it is the whole payload
    result<model::stripe::object> value; ///< the object, or an error
    std::string text{};                  ///< the value as compact JSON, for `object` and `failed`
};

/// The content of a push message.
struct CTMS_API pubsub_payload {
    std::vector<pubsub_item> items; ///< in the order of the payload
    std::string text;               ///< the decoded payload, compact JSON
};

/// Reads the body of a push request. Returns one of two errors of errc::malformed, whose message is sent as the response: "Message does not
/// appear to be from pubsub, do not send again." if there is no `subscription` or `message.data` is not base64 of JSON; "Unknown payload
/// type, do not send again." if the payload is neither a Stripe object (with `object` and `id`) nor a dictionary whose keys are all
/// "collection:id" and whose values are objects.
[[nodiscard]] CTMS_API result<pubsub_payload> read_pubsub_message(std::string_view body);

} // namespace ctms::json
