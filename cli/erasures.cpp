// SPDX-License-Identifier: MPL-2.0
// The right to erasure: erase a person and show the receipt, hold contacts, and count and lift suppressed addresses.
#include "address_lists.hpp"
#include "commands.hpp"
#include "list_output.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/json/erasure_json.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/erasures.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <functional>

namespace ctms::cli {
namespace {

/// The use cases of these commands.
struct rights {
    explicit rights(const invocation& call) : db(support::database_options(call.settings)) {}
    persistence::database db;
    service::erasures erasures{db};
    service::contacts contacts{db};
};

std::string state_of(const model::erasure& receipt) {
    switch (receipt.vendor) {
    case model::vendor_erasure::nothing: return "nothing to delete";
    case model::vendor_erasure::waiting: return fmt::format("has not confirmed {} yet", counted(receipt.waiting, "deletion"));
    case model::vendor_erasure::stopped:
        return fmt::format("has not confirmed {}, and the sync has given up: see ctms-admin sync parked",
                           counted(receipt.waiting, "deletion"));
    case model::vendor_erasure::confirmed: return "confirmed at " + to_iso(receipt.confirmed_at.value_or(timestamp{}));
    }
    return {};
}

void print_receipt(const invocation& call, const model::erasure& receipt) {
    if (call.json) {
        std::string out;
        json::write_erasure(out, receipt);
        return print_json(out);
    }
    print_table({"WHAT", "VALUE"}, {{"receipt", receipt.id.to_string()},
                                    {"erased at", to_iso(receipt.requested_at)},
                                    {"contacts", std::to_string(receipt.contacts)},
                                    {"Stripe objects", std::to_string(receipt.stripe_objects)},
                                    {"parked objects", std::to_string(receipt.parked_objects)},
                                    {"suppressed", receipt.suppressed ? "yes" : "no"},
                                    {"vendor", state_of(receipt)}});
}

/// The ids of the contacts that the operand names: the one with the id, or all with the address.
result<std::vector<uuid>> ids_of(rights& from, const std::string& operand) {
    model::identity_query query;
    query.email_id = uuid::parse(operand);
    if (!query.email_id) query.primary_email = operand;
    const auto found = operand.empty() ? result<std::vector<model::identity>>() : from.contacts.find_identities(query);
    if (!found) return found.error();
    std::vector<uuid> out;
    for (const auto& one : *found) out.push_back(one.email_id);
    return out;
}

/// Whether the operand is one address and nothing else, or the text that a contact has as its address: the API accepts any text.
result<bool> is_address(rights& from, const std::string& operand) {
    if (operand.empty()) return false;
    if (read_address(operand).address == operand) return true;
    model::identity_query query;
    query.primary_email = operand;
    const auto found = from.contacts.find_identities(query);
    if (!found) return found.error();
    return !found->empty();
}

/// The ids as the audit record of an export has them: a person's export finds its records by them.
std::string listed(const std::vector<uuid>& ids) {
    std::string out;
    for (const auto& id : ids) out += (out.empty() ? "" : ",") + id.to_string();
    return out;
}

int fail_no_contact() {
    fail(not_found("argument 1 is not a known contact: give an email_id or a complete address"));
    return support::no_user;
}

int print_count(invocation& call, std::string_view name, std::string_view done, std::size_t count) {
    call.note(name, static_cast<std::int64_t>(count));
    if (call.json) {
        print_json(fmt::format(R"({{"{}":{}}})", name, count));
    } else {
        fmt::print("{} {}.\n", done, counted(count, "contact"));
    }
    return support::ok;
}

/// Confirms in place of the vendor what the sync has given up.
int confirm_by_hand(invocation& call, rights& from, const uuid& receipt) {
    call.note("receipt", receipt.to_string());
    if (!call.has("yes") && !confirm("Did you make sure at the vendor that the contacts of this receipt are deleted there?")) {
        complain("nothing was confirmed; answer y or use --yes");
        return support::failed;
    }
    const auto confirmed = from.erasures.confirm(receipt);
    if (!confirmed) return fail(confirmed.error());
    call.note("confirmed", *confirmed);
    if (*confirmed == 0) complain("nothing of this erasure waits for a confirmation");
    return support::ok;
}

std::string hold_as_json(const model::legal_hold& one) {
    std::string out;
    object_writer writer(out);
    writer.add("email_id", std::string_view(one.email_id.to_string()));
    writer.add("reason", std::string_view(one.reason));
    writer.add("held_by", std::string_view(one.held_by));
    writer.add("held_at", std::string_view(to_iso(one.held_at)));
    writer.close();
    return out;
}

} // namespace

int contacts_erase(invocation& call) {
    rights from(call);
    const auto is_good = is_address(from, call.operands.front());
    if (!is_good) return fail(is_good.error());
    if (!*is_good) {
        return fail(invalid("argument 1 is not an address: write only the address, without a name, blanks or other characters around it, "
                            "for example jane@example.com; nothing was erased"));
    }
    if (!call.has("yes") && !confirm("Erase everything that is stored about this address, here and at the vendor?")) {
        complain("nothing was erased; answer y or use --yes");
        return support::failed;
    }
    const auto done = from.erasures.erase(call.operands.front(), call.has("suppress"), "ctms-admin contacts erase");
    if (!done) return fail(done.error());
    call.note("receipt", done->receipt.id.to_string());
    call.note("contacts", done->receipt.contacts);
    if (!done->is_new) complain("the vendor has not confirmed an earlier erasure of this address; this is its receipt");
    if (done->is_new && done->receipt.contacts == 0) complain("no contact has this address");
    print_receipt(call, done->receipt);
    return support::ok;
}

int contacts_erasures(invocation& call) {
    rights from(call);
    if (call.has("confirm") && call.operands.empty()) return fail_usage("--confirm needs the id of a receipt", "contacts");
    if (!call.operands.empty()) {
        const auto id = uuid::parse(call.operands.front());
        if (!id) return fail_usage("argument 1 is not the id of a receipt", "contacts");
        if (call.has("confirm")) {
            if (const int code = confirm_by_hand(call, from, *id); code != support::ok) return code;
        }
        const auto receipt = from.erasures.get(*id);
        if (!receipt) return fail(receipt.error());
        return print_receipt(call, *receipt), support::ok;
    }
    return print_list(call, from.erasures.pending(), {"RECEIPT", "ERASED", "STATE"}, json::write_erasure,
                      [](const model::erasure& one) -> std::vector<std::string> {
                          return {one.id.to_string(), to_iso(one.requested_at), "the vendor " + state_of(one)};
                      });
}

int contacts_hold(invocation& call) {
    rights from(call);
    const auto ids = ids_of(from, call.operands.front());
    if (!ids) return fail(ids.error());
    if (ids->empty()) return fail_no_contact();
    const auto held = from.erasures.hold(*ids, call.value("reason").value_or(""), call.actor);
    if (!held) return fail(held.error());
    if (*held == 0) return fail_no_contact();
    call.note("email_ids", listed(*ids));
    return print_count(call, "held", "Held", *held);
}

int contacts_unhold(invocation& call) {
    rights from(call);
    const auto ids = ids_of(from, call.operands.front());
    if (!ids) return fail(ids.error());
    const auto ended = from.erasures.unhold(*ids);
    if (!ended) return fail(ended.error());
    if (*ended > 0) {
        call.note("email_ids", listed(*ids));
        return print_count(call, "unheld", "Ended the hold of", *ended);
    }
    fail(not_found("no hold exists for argument 1; ctms-admin contacts holds lists all"));
    return support::no_user;
}

int contacts_holds(invocation& call) {
    rights from(call);
    std::vector<model::legal_hold> all;
    for (uuid after;;) {
        const auto page = from.erasures.holds(after);
        if (!page) return fail(page.error());
        if (page->empty()) break;
        after = page->back().email_id;
        all.insert(all.end(), page->begin(), page->end());
    }
    return print_list(
        call, result<std::vector<model::legal_hold>>(std::move(all)), {"EMAIL_ID", "HELD", "BY", "REASON"},
        [](std::string& to, const model::legal_hold& one) { to += hold_as_json(one); },
        [](const model::legal_hold& one) -> std::vector<std::string> {
            return {one.email_id.to_string(), to_iso(one.held_at), one.held_by, one.reason};
        });
}

int contacts_suppressed(invocation& call) {
    rights from(call);
    const int code = print_list(
        call, from.erasures.suppressed(), {"KEY", "SET", "ADDRESSES"},
        [](std::string& to, const model::suppressed_addresses& one) {
            object_writer writer(to);
            writer.add("key", std::string_view(one.key_id));
            writer.add("key_is_set", one.is_known);
            writer.add("addresses", one.count);
            writer.close();
        },
        [](const model::suppressed_addresses& one) -> std::vector<std::string> {
            return {one.key_id, one.is_known ? "yes" : "no", std::to_string(one.count)};
        });
    if (code != support::ok) return code;
    const auto keys = from.erasures.check_keys();
    return keys ? support::ok : fail(keys.error());
}

int contacts_unsuppress(invocation& call) {
    rights from(call);
    const auto lifted = from.erasures.unsuppress(call.operands.front());
    if (!lifted) return fail(lifted.error());
    call.note("lifted", *lifted ? 1 : 0);
    if (!*lifted) {
        fail(not_found("argument 1 is not a suppressed address"));
        return support::no_user;
    }
    if (call.json) {
        print_json(R"({"lifted":1})");
    } else {
        fmt::print("The address can be stored again.\n");
    }
    return support::ok;
}

} // namespace ctms::cli
