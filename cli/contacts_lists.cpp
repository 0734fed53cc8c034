// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "list_run.hpp"

#include <ctms/persistence/database.hpp>
#include <ctms/service/contact_lists.hpp>
#include <support/start.hpp>

namespace ctms::cli {
namespace {

persistence::database_options patient_options(const invocation& call) {
    auto options = support::database_options(call.settings);
    options.statement_timeout = std::chrono::minutes(2);
    options.lock_timeout = std::chrono::seconds(30);
    return options;
}

} // namespace

int contacts_delete_bulk(invocation& call) {
    persistence::database db(patient_options(call));
    service::contact_lists contacts(db, "ctms-admin contacts delete-bulk");
    return run_list(call, call.operands.front(),
                    {.done = "deleted",
                     .question = "Delete the contacts of {} permanently?",
                     .act = [&](std::span<const std::string> step) { return contacts.remove(step, call.has("dry-run")); }});
}

int suppress(invocation& call) {
    persistence::database db(patient_options(call));
    service::contact_lists contacts(db, "ctms-admin suppress");
    return run_list(call, call.operands.front(),
                    {.done = "suppressed", .question = "Opt {} out of all email?", .act = [&](std::span<const std::string> step) {
                         return contacts.suppress(step, call.has("dry-run"));
                     }});
}

} // namespace ctms::cli
