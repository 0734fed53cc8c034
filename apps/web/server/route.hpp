// SPDX-License-Identifier: MPL-2.0
// The route table: which call is answered by which function, on which threads, and what must be checked before.
// Everything that depends on the set of routes (405, redirects, log, metrics) is made from it.
#pragma once

#include "form.hpp"
#include "message.hpp"

#include <ctms/json/contact_json.hpp>
#include <ctms/model/api_client.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
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
class contacts;
class health;
class pubsub;
class stripe_ingest;
class tokens;
} // namespace ctms::service
namespace ctms::support {
class prometheus_metrics;
}

namespace ctms::web {

/// The threads that a handler runs on, so that what is slow cannot starve what is quick.
enum class lane : std::uint8_t {
    immediate, ///< the thread of the sockets: only for what neither waits nor computes
    read,
    write,
    token,    ///< what a request for a token takes before anything is hashed
    password, ///< Argon2id: a tenth of a second of CPU; jobs run in turn between addresses
    caller,   ///< checks callers whose keys another server has: may wait for it
    platform  ///< monitoring: answers even when the database does not
};

enum class body_kind : std::uint8_t { none, json, form };

/// What is learnt about a request while it is answered, for its log line and its metrics.
struct request_facts {
    std::string client_id;
    bool client_exists = false;
    std::optional<bool> client_allowed;
    std::string auth_fail;
    std::string token_creds_from;
    std::string token_fail;
    std::string trace;                                              ///< traced addresses, sorted, with commas
    std::string trace_json;                                         ///< the body of a traced write
    std::string ingest_actions;                                     ///< a JSON object: what was done to which Stripe objects
    std::string fxa_id_conflict;                                    ///< of a Stripe customer
    std::string ingest_error;                                       ///< what is wrong with Stripe objects
    std::string ingest_empty;                                       ///< keys of a message that had no value
    std::vector<std::pair<std::string, std::string>> pubsub_claims; ///< of Google's token, as JSON
    std::string pubsub_account; ///< the configured service account when the token names it: it may be logged
    std::string error;          ///< of an application error
    std::string traceback;
    std::string cut; ///< why an answer that is made while it is sent ended before its end
};

/// One request on its way through a handler.
struct call {
    const request& http;
    std::vector<std::pair<std::string, std::string>> path_parameters; ///< decoded
    form_values query;
    std::optional<json::body> body; ///< of a route that takes JSON
    form_values form;               ///< of a route that takes a form
    request_facts facts;

    [[nodiscard]] std::string_view path_parameter(std::string_view name) const noexcept;
};

/// What handlers work with; owned by the program.
struct services {
    service::contacts& contacts;
    service::tokens& tokens;
    service::health& health;
    service::acoustic_configuration& acoustic_configuration;
    service::stripe_ingest& stripe_ingest;
    service::pubsub& pubsub;
    const persistence::database& database; ///< how its pool stands
    const config::settings& settings;
    support::prometheus_metrics& metrics;
    const std::atomic<bool>& draining;
};

using handler = response (*)(call&, const services&);

/// The rest of an answer that needs threads of another kind: when the handler has returned a response with one, `run` is called
/// on that lane with the same call, and answers. For `lane::password` jobs take turns between `owner`s.
struct next_step {
    lane where;
    std::string owner;
    std::function<response(call&)> run;
};

/// Answers several calls of one route at once, in their order.
using batch_handler = std::vector<response> (*)(std::span<call> calls, const services&);

struct route {
    std::string_view method;
    std::string_view path; ///< the template, e.g. "/ctms/{email_id}"
    handler run;
    lane where;
    body_kind takes;
    std::optional<model::role> role;  ///< what the client of the token must be allowed; nullopt: no token is needed
    batch_handler run_many = nullptr; ///< when set, calls that wait at the same moment are answered together

    [[nodiscard]] constexpr bool needs_token() const noexcept { return role.has_value(); }
};

/// All routes, in the order of the documentation.
[[nodiscard]] std::span<const route> all_routes() noexcept;

/// Those of CTMS_OPS_PORT: what probes and Prometheus ask for. The main port answers them too.
[[nodiscard]] std::span<const route> ops_routes() noexcept;

} // namespace ctms::web
