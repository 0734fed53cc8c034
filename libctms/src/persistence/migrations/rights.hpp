// SPDX-License-Identifier: MPL-2.0
// Which rights each program needs, on every table of the schema. Private to this room.
#pragma once

#include <array>
#include <string_view>

namespace ctms::persistence {

/// s: SELECT, i: INSERT, u: UPDATE (also for `for update`), d: DELETE; g: USAGE, of a sequence.
struct needed_rights {
    std::string_view object;
    std::array<std::string_view, 3> of; ///< of ctms-web, ctms-sync and ctms-admin, in the order of program_account
};

/// The names of the programs without "ctms-", in the order of program_account.
inline constexpr std::array<std::string_view, 3> program_names{"web", "sync", "admin"};

inline constexpr std::array all_rights{
    needed_rights{"alembic_version", {"s", "s", "s"}},
    needed_rights{"ctms_migrations", {"s", "s", "s"}},
    needed_rights{"ctms_migration_steps", {"", "", "s"}},
    needed_rights{"emails", {"siud", "s", "siud"}},
    needed_rights{"amo", {"siud", "s", "siud"}},
    needed_rights{"amo_id_seq", {"g", "", "g"}},
    needed_rights{"fxa", {"siud", "s", "siud"}},
    needed_rights{"fxa_id_seq", {"g", "", "g"}},
    needed_rights{"mofo", {"siud", "s", "siud"}},
    needed_rights{"mofo_id_seq", {"g", "", "g"}},
    needed_rights{"newsletters", {"siud", "s", "siud"}},
    needed_rights{"newsletters_id_seq", {"g", "", "g"}},
    needed_rights{"waitlists", {"siud", "s", "siud"}},
    needed_rights{"waitlists_id_seq", {"g", "", "g"}},
    needed_rights{"pending_acoustic", {"sd", "sud", "sud"}},
    needed_rights{"stripe_customer", {"siud", "s", "siud"}},
    needed_rights{"stripe_invoice", {"siud", "s", "siud"}},
    needed_rights{"stripe_invoice_line_item", {"siud", "s", "siud"}},
    needed_rights{"stripe_price", {"siu", "s", "siu"}},
    needed_rights{"stripe_subscription", {"siud", "s", "siud"}},
    needed_rights{"stripe_subscription_item", {"siud", "s", "siud"}},
    needed_rights{"ctms_stripe_lines", {"siud", "", "siud"}},
    needed_rights{"ctms_stripe_parked", {"siud", "", "siud"}},
    needed_rights{"acoustic_field", {"", "s", "sid"}},
    needed_rights{"acoustic_newsletter_mapping", {"", "s", "siud"}},
    needed_rights{"api_client", {"su", "", "siud"}},
    needed_rights{"ctms_client_roles", {"s", "", "sid"}},
    needed_rights{"ctms_client_old_secrets", {"s", "", "siud"}},
    needed_rights{"ctms_client_revocations", {"s", "", "s"}},
    needed_rights{"ctms_client_rules", {"s", "", "siud"}},
    needed_rights{"ctms_client_use", {"siu", "", "s"}},
    needed_rights{"ctms_kept_answers", {"siud", "", "su"}},
    needed_rights{"ctms_sync_queue", {"siu", "siud", "siud"}},
    needed_rights{"ctms_inbox", {"sud", "sud", "s"}},
    needed_rights{"ctms_changes", {"siud", "siu", "siud"}},
    needed_rights{"ctms_changes_state", {"su", "s", "su"}},
    needed_rights{"ctms_webhooks", {"", "su", "siud"}},
    needed_rights{"ctms_documents", {"siud", "s", "siud"}},
    needed_rights{"ctms_history", {"siud", "i", "siud"}},
    needed_rights{"ctms_vendor_state", {"s", "siud", "sud"}},
    needed_rights{"ctms_vendor_slots", {"", "siu", "s"}},
    needed_rights{"ctms_vendor_columns", {"", "si", "s"}},
    needed_rights{"ctms_vendor_columns_id_seq", {"", "g", ""}},
    needed_rights{"ctms_vendor_circuit", {"", "su", "s"}},
    needed_rights{"ctms_bulk_job", {"", "su", "s"}},
    needed_rights{"ctms_bulk_doubts", {"s", "siud", "s"}},
    needed_rights{"ctms_bulk_files", {"", "siud", ""}},
    needed_rights{"ctms_sync_skipped", {"sd", "si", "sud"}},
    needed_rights{"ctms_audit_log", {"i", "", "siu"}},
    needed_rights{"ctms_contact_audit", {"s", "", "s"}},
    needed_rights{"ctms_webhook_places", {"s", "", "s"}},
    needed_rights{"ctms_erasures", {"siud", "su", "siud"}},
    needed_rights{"ctms_erasure_contacts", {"si", "sd", "sid"}},
    needed_rights{"ctms_holds", {"s", "", "siud"}},
    needed_rights{"ctms_suppressed", {"si", "", "sid"}},
};

} // namespace ctms::persistence
