// SPDX-License-Identifier: MPL-2.0
// Handles Stripe objects that Google Pub/Sub pushes: verifies that a push comes from Google and stores its content, without HTTP. Blocking;
// thread safe. Pub/Sub delivers each message at least once, in any order, and repeats messages that are not accepted.
#pragma once

#include <ctms/auth/google_id_token.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/json/stripe_json.hpp>
#include <ctms/metrics/recorder.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <ctms/service/stripe_parking.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::service {

/// The permitted sender of pushes. Both members are required; without them, no push is accepted.
struct CTMS_API pubsub_options {
    std::optional<std::string> client; ///< the secret in the query of pushes
    std::optional<std::string> email;  ///< the service account that signs pushes
};

/// The sender of a push, as far as it is known.
struct CTMS_API pubsub_caller {
    /// All claims of a token that Google signed, as JSON, whatever the verdict.
    std::vector<std::pair<std::string, std::string>> claims;
    std::string service_account; ///< the configured account, if the token names it
    /// errc::unauthorized ("Could not validate credentials") with the reason as `detail`; errc::unavailable if Pub/Sub is not configured,
    /// or if the signing keys cannot be fetched.
    result<void> verdict;
};

/// The result of storing a message.
struct CTMS_API pubsub_report {
    std::size_t count = 0;                  ///< objects stored without an error
    model::stripe::ingest_report done;      ///< actions for all of them; objects of unknown kinds are `skipped`
    std::set<std::string> fxa_id_conflicts; ///< fxa_id_conflict of all of them (see ingest_report)
    std::vector<std::string> problems;      ///< "object:id: what is wrong"; these objects are parked
    std::vector<std::string> empty_values;  ///< keys without a value
};

/// Verifies and stores pushes.
class CTMS_API pubsub {
public:
    /// All must outlive it. `recorder` counts parked objects.
    pubsub(stripe_ingest& ingest, stripe_parking& parking, auth::google_token_verifier& verifier, pubsub_options options,
           metrics::recorder& recorder = metrics::null_recorder())
        : ingest_(ingest), parking_(parking), verifier_(verifier), options_(std::move(options)), recorder_(recorder) {}

    /// Checks the `pubsub_client` of a push ("" if it is missing) and its bearer token. May wait for Google's key server.
    [[nodiscard]] pubsub_caller authenticate(std::string_view client, std::string_view token);

    /// Stores every object of the payload, each in a transaction of its own; a failure does not affect the others. Objects that break a
    /// rule are parked. Returns an error only if the database failed, if others kept writing the same objects, or if too many objects are
    /// parked: then the message must be delivered again, which does not harm the stored objects.
    [[nodiscard]] result<pubsub_report> take_in(const json::pubsub_payload& payload);

    /// Parks a message that json::read_pubsub_message refused with `problem`. An error means that the message must be delivered again.
    [[nodiscard]] result<void> park_message(std::string_view body, const error& problem);

private:
    [[nodiscard]] result<void> park(std::vector<model::stripe::parked_object> objects);

    stripe_ingest& ingest_;
    stripe_parking& parking_;
    auth::google_token_verifier& verifier_;
    pubsub_options options_;
    metrics::recorder& recorder_;
};

} // namespace ctms::service
