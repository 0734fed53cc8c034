// SPDX-License-Identifier: MPL-2.0
// Stripe objects in the push messages of Google Pub/Sub (https://cloud.google.com/pubsub/docs/push): base64 of JSON, one
// object or a dictionary of several. Pure and thread safe.
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
    /// What became of it.
    enum class kind {
        object,       ///< to be stored
        unknown_kind, ///< an object of a kind that is not kept
        empty,        ///< a value without members, in a dictionary
        failed        ///< an object that breaks a rule: `value` says which
    };
    kind what = kind::object;            ///< what it is
    std::string name;                    ///< "object:id" of an object, of a value that has none its key, or "payload" when it stands alone
    result<model::stripe::object> value; ///< the object, or why it is none
};

/// What a message brings.
struct CTMS_API pubsub_payload {
    std::vector<pubsub_item> items; ///< in the order of the payload
    std::string text;               ///< the decoded payload, compact JSON
};

/// Reads the body of a push request. Two errors of errc::malformed, whose messages are the ones that are answered:
/// "Message does not appear to be from pubsub, do not send again." when there is no `subscription` or no base64 of JSON in
/// `message.data`, "Unknown payload type, do not send again." when that is neither an object of Stripe's (`object` and
/// `id`) nor a dictionary whose keys are all "collection:id" and whose values are objects.
[[nodiscard]] CTMS_API result<pubsub_payload> read_pubsub_message(std::string_view body);

} // namespace ctms::json
