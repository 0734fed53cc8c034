// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <web/server/idempotency.hpp>

#include <array>
#include <optional>
#include <vector>

namespace ctms::web {

std::span<const route> all_routes() noexcept {
    using enum lane;
    using may = model::role;
    constexpr auto open = std::nullopt;
    static constexpr std::array table{
        route{"GET", "/ctms", routes::find_contacts, read, body_kind::none, may::read},
        route{"POST", "/ctms", routes::post_contact, write, body_kind::json, may::write},
        route{"GET", "/ctms/{email_id}", routes::get_contacts, read, body_kind::none, may::read, true},
        route{"PUT", "/ctms/{email_id}", routes::put_contact, write, body_kind::json, may::write, true},
        route{"PATCH",
              "/ctms/{email_id}",
              {routes::patch_contacts, routes::patch_contact_with_key, has_idempotency_key},
              write,
              body_kind::json,
              may::write,
              true},
        route{"DELETE", "/ctms/{primary_email}", routes::delete_contacts, write, body_kind::none, may::remove, true},
        route{"POST", "/ctms/lookup", routes::post_lookup, read, body_kind::json, may::read},
        route{"POST", "/ctms/bulk", routes::post_bulk, write, body_kind::json, may::write, false, true},
        route{"GET", "/ctms/{email_id}/history", routes::get_history, read, body_kind::none, may::read},
        route{"GET", "/ctms/{email_id}/export", routes::get_export, read, body_kind::none, may::privacy},
        route{"POST", "/erasures", routes::post_erasure, write, body_kind::json, may::privacy},
        route{"GET", "/erasures/{id}", routes::get_erasure, read, body_kind::none, may::privacy},
        route{"GET", "/updates", routes::get_updates, read, body_kind::none, may::updates},
        route{"GET", "/changes", routes::get_changes, read, body_kind::none, may::updates},
        route{"GET", "/identities", routes::find_identities, read, body_kind::none, may::read},
        route{"GET", "/identity/{email_id}", routes::get_identity, read, body_kind::none, may::read},
        route{"POST", "/token", routes::post_token, token, body_kind::form, open},
        route{"GET", "/", routes::get_root, immediate, body_kind::none, open},
        route{"GET", "/__version__", routes::get_version, platform, body_kind::none, open},
        route{"GET", "/__heartbeat__", routes::get_heartbeat, health, body_kind::none, open},
        route{"HEAD", "/__heartbeat__", routes::get_heartbeat, health, body_kind::none, open},
        route{"GET", "/__lbheartbeat__", routes::get_load_balancer_heartbeat, immediate, body_kind::none, open},
        route{"HEAD", "/__lbheartbeat__", routes::get_load_balancer_heartbeat, immediate, body_kind::none, open},
        route{"GET", "/__crash__", routes::get_crash, read, body_kind::none, may::admin},
        route{"GET", "/metrics", routes::get_metrics, platform, body_kind::none, open},
        route{"GET", "/acoustic_configuration", routes::get_acoustic_configuration, read, body_kind::none, open},
        // Not body_kind::json, which is read before the token is checked and refused with 422. Here the token is checked first,
        // and an invalid body is answered with 400 regardless of its media type.
        route{"POST", "/stripe", routes::post_stripe, write, body_kind::none, may::stripe},
        // The token is issued by Google, so the handler checks it.
        route{"POST", "/stripe_from_pubsub", routes::post_stripe_from_pubsub, caller, body_kind::none, open},
        route{"GET", "/openapi.json", routes::get_openapi, immediate, body_kind::none, open},
        route{"GET", "/docs", routes::get_docs, immediate, body_kind::none, open},
        route{"GET", "/redoc", routes::get_redoc, immediate, body_kind::none, open},
        route{"GET", "/docs/{asset}", routes::get_asset, platform, body_kind::none, open},
    };
    return table;
}

std::span<const route> ops_routes() noexcept {
    static const auto table = [] {
        std::vector<route> chosen;
        for (const auto& one : all_routes()) {
            if (one.path.starts_with("/__") && !one.needs_token()) chosen.push_back(one);
            if (one.path == "/metrics") chosen.push_back(one);
        }
        return chosen;
    }();
    return table;
}

} // namespace ctms::web
