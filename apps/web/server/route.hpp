// SPDX-License-Identifier: MPL-2.0
// The route table: which function answers which call, on which threads, and what is checked first.
// Everything that depends on the set of routes (405, redirects, log, metrics) is derived from it.
#pragma once

#include "form.hpp"
#include "message.hpp"

#include <ctms/json/contact_json.hpp>
#include <ctms/model/api_client.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::config {
struct settings;
}
namespace ctms::persistence {
class database;
}
namespace ctms::service {
class acoustic_configuration;
class changes;
class client_uses;
class contact_bulk;
class contact_history;
class contacts;
class erasures;
class health;
class keyed_writes;
class person_exports;
class pubsub;
class stripe_ingest;
class tokens;
} // namespace ctms::service
namespace ctms::support {
class prometheus_metrics;
}

namespace ctms::web::streams {
class change_hub;
}

namespace ctms::web {

class client_limiter; // client_limiter.hpp

/// The threads that a handler runs on, kept separate so that slow requests cannot starve fast ones.
enum class lane : std::uint8_t {
    immediate, ///< the I/O thread: only for handlers that neither block nor use much CPU
    read,
    write,
    token,    ///< the part of a token request that comes before the secret is hashed
    password, ///< Argon2id: a tenth of a second of CPU; addresses take turns
    caller,   ///< authenticates callers whose keys are on another server, and may wait for that server
    platform, ///< monitoring: works even when the database does not
    health    ///< the heartbeat: must answer within a second, so nothing else may delay it
};

enum class body_kind : std::uint8_t { none, json, form };

/// Facts about a request that are collected while it is answered, for its log line and metrics.
struct request_facts {
    std::string client_id;
    bool client_exists = false;
    std::optional<bool> client_allowed;
    bool must_have_precondition = false; ///< the client may change contacts only with a precondition
    std::string_view limit;              ///< which limit of the client the request exceeds; "" if none
    std::string_view key_use;            ///< how the Idempotency-Key was used; "" without one
    std::string auth_fail;
    std::string token_creds_from;
    std::string token_fail;
    std::string trace;                                              ///< traced addresses, sorted, separated by commas
    std::string trace_json;                                         ///< the body of a traced write
    std::string ingest_actions;                                     ///< a JSON object: what was done to which Stripe objects
    std::size_t ingest_left_out = 0;                                ///< how many objects ingest_actions leaves out
    std::string fxa_id_conflict;                                    ///< from a Stripe customer
    std::string ingest_error;                                       ///< what is wrong with the Stripe objects
    std::string ingest_empty;                                       ///< keys of a message that had no value
    std::string ingest_unknown;                                     ///< members of Stripe objects with values that CTMS does not know
    std::size_t ingest_parked = 0;                                  ///< how many Stripe objects were parked
    std::vector<std::pair<std::string, std::string>> pubsub_claims; ///< claims of Google's token, values as JSON
    std::string pubsub_account; ///< the configured service account if the token names it; it may be logged
    std::string error;          ///< what failed in the application
    std::string traceback;
    std::string cut;                              ///< why a streamed response was cut short
    std::map<std::string_view, std::size_t> bulk; ///< how many items of a bulk write had which outcome
};

/// One request on its way through a handler. Refers to the exchange that it belongs to.
struct call {
    const request& http;
    const std::vector<std::pair<std::string, std::string>>& path_parameters; ///< decoded
    form_values query;
    std::optional<json::body> body; ///< for a route that takes JSON
    form_values form;               ///< for a route that takes a form
    request_facts& facts;
    response& answer; ///< where the response is stored

    [[nodiscard]] std::string_view path_parameter(std::string_view name) const noexcept;
};

/// The services that handlers use; owned by the program.
struct services {
    service::contacts& contacts;
    service::contact_bulk& bulk;
    service::keyed_writes& keyed_writes;
    service::changes& changes;
    service::contact_history& history;
    service::person_exports& exports;
    service::tokens& tokens;
    service::health& health;
    service::acoustic_configuration& acoustic_configuration;
    service::stripe_ingest& stripe_ingest;
    service::pubsub& pubsub;
    service::erasures& erasures;
    const persistence::database& database; ///< for the state of its connection pool
    const config::settings& settings;
    support::prometheus_metrics& metrics;
    const std::atomic<bool>& draining;
    streams::change_hub& change_streams;
    client_limiter& limiter;
    service::client_uses& uses;
};

/// Sends the answers of these calls, which belong to the calls that a handler was given, before the handler returns. The calls must not be
/// used afterwards. The other calls are answered when the handler returns.
using send_early = std::function<void(std::span<call* const>)>;

/// Answers the calls of a route. It is made from a function that answers one call, or from one that answers several together. Calls
/// that wait at the same time are grouped only for the latter, so the signature of the function decides about that. A handler with both
/// leaves out of the groups those calls that need a transaction of their own, and answers each of them with the first function.
class handler {
public:
    using one_call = response (*)(call&, const services&); ///< returns the response
    /// Sets the `answer` of each call; one or more calls.
    using several_calls = void (*)(std::span<call>, const services&, const send_early&);

    constexpr handler(one_call function) noexcept : one_(function) {}
    constexpr handler(several_calls function) noexcept : several_(function) {}
    /// `takes_one(request)`: whether `one` answers it, and not `several`.
    constexpr handler(several_calls several, one_call one, bool (*takes_one)(const request&)) noexcept
        : one_(one), several_(several), takes_one_(takes_one) {}

    /// Whether operator() may be called with more than one call.
    [[nodiscard]] constexpr bool takes_several() const noexcept { return several_ != nullptr; }
    /// Whether this request must not be in a group.
    [[nodiscard]] bool is_alone(const request& http) const { return several_ == nullptr || (takes_one_ != nullptr && takes_one_(http)); }
    /// Sets the `answer` of each call. Blocks. Throws only in case of a bug or a lack of memory; so do the functions of a handler.
    void operator()(std::span<call> calls, const services& all, const send_early& send) const;

private:
    one_call one_ = nullptr;
    several_calls several_ = nullptr;
    bool (*takes_one_)(const request&) = nullptr;
};

/// The rest of a handler's work, for another lane: after the handler has returned a response with a next step, `run` is called on
/// the lane `where` and returns the response. The call that it gets is of the same request, but has neither `body` nor `form`: `run` must
/// keep what it needs of them. On `lane::password`, `owner`s take turns.
struct next_step {
    lane where;
    std::string owner;
    std::function<response(call&)> run;
};

struct route {
    std::string_view method;
    std::string_view path; ///< a template, e.g. "/ctms/{email_id}"
    handler run;
    lane where;
    body_kind takes;
    std::optional<model::role> role; ///< the role that the token's client must have; nullopt: no token is needed
    bool has_tags = false;           ///< the resource has entity tags, and the handlers of its writes check preconditions
    bool takes_lines = false; ///< the body may also be lines of JSON (has_lines()), which the handler does not get: see line_exchange

    [[nodiscard]] constexpr bool needs_token() const noexcept { return role.has_value(); }
};

/// All routes, in the order in which the documentation lists them.
[[nodiscard]] std::span<const route> all_routes() noexcept;

/// The routes of CTMS_OPS_PORT, for probes and Prometheus. The main port serves them too.
[[nodiscard]] std::span<const route> ops_routes() noexcept;

} // namespace ctms::web
