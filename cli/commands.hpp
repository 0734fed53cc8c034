// SPDX-License-Identifier: MPL-2.0
// The functions of the command table, by file.
#pragma once

#include "command.hpp"

namespace ctms::cli {

// clients.cpp
int clients_create(invocation& call);
int clients_list(invocation& call);
int clients_show(invocation& call);
int clients_enable(invocation& call);
int clients_disable(invocation& call);
int clients_rotate_secret(invocation& call);
int clients_set_roles(invocation& call);
int clients_set_rules(invocation& call);
int clients_set_limit(invocation& call);
int clients_set_email(invocation& call);
int clients_delete(invocation& call);
// acoustic.cpp
int acoustic_fields_add(invocation& call);
int acoustic_fields_remove(invocation& call);
int acoustic_fields_list(invocation& call);
int newsletter_mappings_add(invocation& call);
int newsletter_mappings_remove(invocation& call);
int newsletter_mappings_list(invocation& call);
// database.cpp
int migrate(invocation& call);
/// Moves the embedded database to a newer PostgreSQL. Runs before the database is started; db_upgrade() then prints what was done.
int upgrade_database(invocation& call);
int db_upgrade(invocation& call);
int db_url(invocation& call);
int db_psql(invocation& call);
int db_dump(invocation& call);
int db_status(invocation& call);
int db_grants(invocation& call);
int db_verify(invocation& call);
int db_build_documents(invocation& call);
// contacts.cpp
int contacts_show(invocation& call);
int contacts_export(invocation& call);
int contacts_history(invocation& call);
int contacts_delete(invocation& call);
int contacts_duplicates(invocation& call);
// contacts_lists.cpp
int contacts_delete_bulk(invocation& call);
int suppress(invocation& call);
// contacts_import.cpp
int contacts_import(invocation& call);
/// Returns the columns of a CSV for import, as help.
[[nodiscard]] std::string contacts_import_columns();
// contacts_dump.cpp
int contacts_dump(invocation& call);
// erasures.cpp
int contacts_erase(invocation& call);
int contacts_erasures(invocation& call);
int contacts_hold(invocation& call);
int contacts_unhold(invocation& call);
int contacts_holds(invocation& call);
int contacts_suppressed(invocation& call);
int contacts_unsuppress(invocation& call);
// changes.cpp
int changes_follow(invocation& call);
// stripe.cpp
int stripe_ingest(invocation& call);
int stripe_queue(invocation& call);
// stripe_parked.cpp
int stripe_parked(invocation& call);
int stripe_retry(invocation& call);
int stripe_forget(invocation& call);
// sync.cpp
int sync_status(invocation& call);
int sync_parked(invocation& call);
int sync_retry(invocation& call);
int sync_forget(invocation& call);
// sync_resync.cpp
int sync_resync(invocation& call);
// webhooks.cpp
int webhooks_add(invocation& call);
int webhooks_list(invocation& call);
int webhooks_show(invocation& call);
int webhooks_test(invocation& call);
int webhooks_disable(invocation& call);
int webhooks_enable(invocation& call);
int webhooks_retry(invocation& call);
int webhooks_rotate_secret(invocation& call);
int webhooks_delete(invocation& call);
// token.cpp
int print_token(invocation& call);
// request.cpp
int send_request(invocation& call);
// top.cpp
int top(invocation& call);
// doctor.cpp
int doctor(invocation& call);
// audit.cpp
int audit_list(invocation& call);
// completion.cpp
int print_completion(invocation& call);
/// Prints what may follow the words of an incomplete command line, one per line; the last word is incomplete.
int complete(const std::vector<std::string>& arguments, const config::getenv_fn& getenv);
// help.cpp
int print_manual(invocation& call);

} // namespace ctms::cli
