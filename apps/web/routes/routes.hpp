// SPDX-License-Identifier: MPL-2.0
// The handlers, by file. Each takes a call whose body has been read and whose token has been checked, runs one use case
// and returns the response. Those that take several calls run the use case for all of them at once and set the response of each.
// Handlers block.
#pragma once

#include <web/server/route.hpp>

namespace ctms::web::routes {

// token.cpp
response post_token(call& now, const services& all);

// contact_routes.cpp
response post_contact(call& now, const services& all);
response put_contact(call& now, const services& all);
void patch_contacts(std::span<call> calls, const services& all, const send_early& send); ///< without keys
response patch_contact_with_key(call& now, const services& all);
response delete_contacts(call& now, const services& all);
void get_contacts(std::span<call> calls, const services& all, const send_early& send);
void find_contacts(std::span<call> calls, const services& all, const send_early& send);
response get_identity(call& now, const services& all);
response find_identities(call& now, const services& all);

// erasures.cpp
response post_erasure(call& now, const services& all);
response get_erasure(call& now, const services& all);

// bulk.cpp
response post_bulk(call& now, const services& all);

// lookup.cpp
response post_lookup(call& now, const services& all);
// person.cpp
response get_history(call& now, const services& all);
response get_export(call& now, const services& all);

// updates.cpp
response get_updates(call& now, const services& all);

// changes.cpp
response get_changes(call& now, const services& all);

// stripe.cpp
response post_stripe(call& now, const services& all);

// pubsub.cpp
response post_stripe_from_pubsub(call& now, const services& all);

// pages.cpp
response get_openapi(call& now, const services& all);
response get_docs(call& now, const services& all);
response get_redoc(call& now, const services& all);
response get_asset(call& now, const services& all);

// platform.cpp
response get_root(call& now, const services& all);
response get_version(call& now, const services& all);
response get_load_balancer_heartbeat(call& now, const services& all);
response get_heartbeat(call& now, const services& all);
response get_metrics(call& now, const services& all);
response get_acoustic_configuration(call& now, const services& all);
response get_crash(call& now, const services& all);

} // namespace ctms::web::routes
