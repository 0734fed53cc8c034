// SPDX-License-Identifier: MPL-2.0
// Stripe objects that Google Pub/Sub pushes: telling that a push is Google's, and taking in what it brings, without HTTP.
// Blocking; thread safe. Pub/Sub delivers at least once and in no order, and again whatever was not accepted.
#pragma once

#include <ctms/auth/google_id_token.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/json/pubsub_json.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/service/stripe_ingest.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::service {

/// Who may push; without both nobody may.
struct CTMS_API pubsub_options {
    std::optional<std::string> client; ///< the secret that pushes carry in their query
    std::optional<std::string> email;  ///< the service account that signs them
};

/// Who pushes, as far as it could be told.
struct CTMS_API pubsub_caller {
    /// Every claim of a token that Google signed, as JSON, whatever the verdict.
    std::vector<std::pair<std::string, std::string>> claims;
    std::string service_account; ///< the configured account, when the token names it
    /// errc::unauthorized ("Could not validate credentials") with the reason as `detail`; errc::unavailable when the service is not
    /// configured for Pub/Sub, or the signing keys cannot be had.
    result<void> verdict;
};

/// What a message came to.
struct CTMS_API pubsub_report {
    std::size_t count = 0;                  ///< objects taken in without error
    model::stripe::ingest_report done;      ///< of all of them; objects of unknown kinds are `skipped`
    std::set<std::string> fxa_id_conflicts; ///< as of ingest_report, of all of them
    std::vector<std::string> problems;      ///< "object:id: what is wrong with it"; these were passed over
    std::vector<std::string> empty_values;  ///< keys without a value
};

/// Takes in what is pushed.
class CTMS_API pubsub {
public:
    /// Both must outlive it.
    pubsub(stripe_ingest& ingest, auth::google_token_verifier& verifier, pubsub_options options)
        : ingest_(ingest), verifier_(verifier), options_(std::move(options)) {}

    /// Checks a push's `pubsub_client` ("" without one) and its bearer token. May wait for Google's key server.
    [[nodiscard]] pubsub_caller authenticate(std::string_view client, std::string_view token);

    /// Stores every object of the payload, each in a transaction of its own; those that fail do not hold up the others.
    /// An error only when the database failed, or others kept writing the same objects: then the message must come
    /// again, which does no harm to what was stored.
    [[nodiscard]] result<pubsub_report> take_in(const json::pubsub_payload& payload);

private:
    stripe_ingest& ingest_;
    auth::google_token_verifier& verifier_;
    pubsub_options options_;
};

} // namespace ctms::service
