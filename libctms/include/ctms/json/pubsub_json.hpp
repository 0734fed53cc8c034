// SPDX-License-Identifier: MPL-2.0
// Reads Stripe objects from push messages of Google Pub/Sub (https://cloud.google.com/pubsub/docs/push): base64 of JSON, one object or a
// dictionary of several. Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace ctms::json {

/// One value of a payload.
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
};

/// The content of a message.
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
