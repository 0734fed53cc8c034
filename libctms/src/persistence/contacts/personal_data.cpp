// SPDX-License-Identifier: MPL-2.0
#include "personal_data.hpp"

#include <array>

namespace ctms::persistence {
namespace {

constexpr std::string_view ids = R"(
accounts as materialized (select fxa_id from fxa where email_id = $1::uuid and fxa_id <> ''),
customers as materialized (select c.stripe_id from stripe_customer c join accounts using (fxa_id)),
subscriptions as materialized (
  select s.stripe_id from stripe_subscription s join customers c on s.stripe_customer_id = c.stripe_id),
invoices as materialized (select v.stripe_id from stripe_invoice v join customers c on v.stripe_customer_id = c.stripe_id),
words as materialized (
  select stripe_id as word from customers where stripe_id <> '' union select fxa_id from accounts
  union select primary_email from emails where email_id = $1::uuid and primary_email like '%@%'
  union select primary_email from fxa where email_id = $1::uuid and primary_email like '%@%'))";

constexpr std::string_view of_contact = "t.email_id = $1::uuid";
constexpr std::string_view is_uuid = "uuid";
constexpr std::string_view is_text = "text";
constexpr std::string_view is_number = "bigint";

constexpr std::string_view any = "true";

/// A table of which a person has at most one row.
constexpr personal_source one_row(std::string_view table, std::string_view member, shown_as shown, std::string_view meaning) {
    return {table, member, shown, of_contact, "t.email_id", is_uuid, meaning};
}

/// A table of Stripe's objects.
constexpr personal_source stripe(std::string_view table, std::string_view member, std::string_view rows, std::string_view meaning) {
    return {table, member, shown_as::rows, rows, "t.stripe_id", is_text, meaning};
}

constexpr std::array all{
    one_row("emails", "email", shown_as::part_of_contact, "The address and what the person said about emails"),
    one_row("amo", "amo", shown_as::part_of_contact, "The account at addons.mozilla.org"),
    one_row("fxa", "fxa", shown_as::part_of_contact, "The Firefox account"),
    one_row("mofo", "mofo", shown_as::part_of_contact, "The ids at the Mozilla Foundation"),
    personal_source{"newsletters", "newsletters", shown_as::part_of_contact, of_contact, "t.id", is_number,
                    "The newsletters that the person receives or received"},
    personal_source{"waitlists", "waitlists", shown_as::part_of_contact, of_contact, "t.id", is_number,
                    "The waitlists that the person joined"},
    stripe("stripe_customer", "stripe_customers", "t.stripe_id in (select stripe_id from customers)", "The customer at Stripe"),
    stripe("stripe_subscription", "stripe_subscriptions", "t.stripe_id in (select stripe_id from subscriptions)",
           "The paid subscriptions at Stripe"),
    stripe("stripe_subscription_item", "stripe_subscription_items", "t.stripe_subscription_id in (select stripe_id from subscriptions)",
           "What the paid subscriptions are for"),
    stripe("stripe_invoice", "stripe_invoices", "t.stripe_id in (select stripe_id from invoices)", "The invoices at Stripe"),
    stripe("stripe_invoice_line_item", "stripe_invoice_line_items", "t.stripe_invoice_id in (select stripe_id from invoices)",
           "The lines of the invoices"),
    stripe("ctms_stripe_lines", "stripe_lines_without_price", "t.stripe_invoice_id in (select stripe_id from invoices)",
           "Lines of invoices whose price is not known yet"),
    personal_source{"ctms_stripe_parked", "stripe_parked", shown_as::rows, any, "t.id", is_number,
                    "Objects of Stripe that name the person and could not be stored yet",
                    "t.id, t.object, t.reason, t.deliveries, t.parked_at, encode(t.payload, 'escape') as payload", "", true},
    personal_source{"pending_acoustic", "pending_acoustic", shown_as::rows, of_contact, "t.id", is_number,
                    "Changes that the service before this one has noted for the email vendor"},
    one_row("ctms_sync_queue", "sync_queue", shown_as::rows, "The latest change that waits to be sent to the email vendor"),
    one_row("ctms_sync_skipped", "sync_skipped", shown_as::rows, "A change that was not sent, because the sync was off"),
    one_row("ctms_vendor_state", "vendor_state", shown_as::rows,
            "When the contact was last sent to the email vendor, with the names of newsletters and products, and fingerprints of the rest"),
    one_row("ctms_bulk_doubts", "bulk_job", shown_as::rows, "A job of the email vendor that may still write an old state of the contact"),
    one_row("ctms_changes", "changes", shown_as::rows, "The entry in the feed of changes: the latest change and who made it"),
    personal_source{"ctms_inbox", "inbox", shown_as::rows, of_contact, "t.id", is_number,
                    "Changes of other programs that are not in the feed yet"},
    personal_source{"ctms_holds", "legal_hold", shown_as::rows, of_contact, "t.email_id", is_uuid,
                    "The legal hold, which keeps the contact from being deleted", "t.email_id, t.held_at"},
    personal_source{"ctms_erasure_contacts", "erasures", shown_as::rows, of_contact, "t.erasure_id", is_uuid,
                    "Erasures that the email vendor has not confirmed yet"},
    personal_source{"ctms_kept_answers", "kept_answers", shown_as::rows, "t.email_ids @> array[$1::uuid]", "t.digest", "bytea",
                    "Answers to requests with an Idempotency-Key, which are kept for some hours",
                    "t.client_id, t.created_at, t.status, t.body"},
    personal_source{"ctms_history", "history", shown_as::rows, of_contact, "t.id", is_number,
                    "Who changed the contact, when, and which fields; recorded only while the history is on"},
    personal_source{"ctms_audit_log", "audit", shown_as::rows, "string_to_array(t.details ->> 'email_ids', ',') @> array[($1::uuid)::text]",
                    "t.id", is_number,
                    "Exports of what is held about the person, and legal holds that began or ended: who did it, and when", "t.*",
                    "ctms_contact_audit"},
    one_row("ctms_documents", "document", shown_as::copy, "The contact as the API sends it"),
};

// Not people, but the organisation's own settings, clients and records. Receipts of erasures and keyed hashes do not tell whose they are.
constexpr std::array<std::string_view, 21> impersonal{"acoustic_field",
                                                      "acoustic_newsletter_mapping",
                                                      "alembic_version",
                                                      "api_client",
                                                      "ctms_bulk_files",
                                                      "ctms_bulk_job",
                                                      "ctms_changes_state",
                                                      "ctms_client_old_secrets",
                                                      "ctms_client_revocations",
                                                      "ctms_client_roles",
                                                      "ctms_client_rules",
                                                      "ctms_client_use",
                                                      "ctms_erasures",
                                                      "ctms_migration_steps",
                                                      "ctms_migrations",
                                                      "ctms_suppressed",
                                                      "ctms_vendor_circuit",
                                                      "ctms_vendor_columns",
                                                      "ctms_vendor_slots",
                                                      "ctms_webhooks",
                                                      "stripe_price"};

constexpr personal_source receivers{
    "ctms_webhooks",
    "webhooks",
    shown_as::rows,
    "true",
    "t.name",
    is_text,
    "The services that are told of changes, and whether they know of the latest one of this contact",
    "t.name, t.events, t.with_contacts, t.state, t.delivered_at,"
    " (select (t.xid, t.email_id) >= (c.xid, c.email_id) from ctms_changes c where c.email_id = $1::uuid) as has_latest_change",
    "ctms_webhook_places"};

} // namespace

std::string_view persons_ids_sql() noexcept { return ids; }

std::span<const personal_source> personal_sources() noexcept { return all; }

const personal_source& told_receivers() noexcept { return receivers; }

std::span<const std::string_view> impersonal_tables() noexcept { return impersonal; }

} // namespace ctms::persistence
