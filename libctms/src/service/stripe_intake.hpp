// SPDX-License-Identifier: MPL-2.0
// Stores the objects of a message, and finds those that must be parked. Private to this layer.
#pragma once

#include <ctms/json/stripe_json.hpp>
#include <ctms/service/pubsub.hpp>
#include <ctms/service/stripe_ingest.hpp>

#include <vector>

namespace ctms::service {

/// The result of storing a message.
struct intake {
    pubsub_report report;
    std::vector<model::stripe::parked_object> refused; ///< the objects that break a rule
};

/// Stores every object of a message, each in a transaction of its own. Returns an error only if the database failed, or if others kept
/// writing the same objects.
[[nodiscard]] result<intake> take_in(stripe_ingest& ingest, const json::pubsub_payload& payload);

} // namespace ctms::service
