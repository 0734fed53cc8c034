// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "contact_text.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contact_export.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/person_export.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

namespace ctms::cli {
namespace {

/// The use cases of these commands.
struct stored {
    explicit stored(const invocation& call) : db(support::database_options(call.settings)) {}
    persistence::database db;
    service::contacts contacts{db};
    service::contact_export exports{db};
};

/// Reads an operand: an id, or otherwise an address.
model::identity_query query_of(const std::string& operand) {
    model::identity_query out;
    out.email_id = uuid::parse(operand);
    if (!out.email_id) out.primary_email = operand;
    return out;
}

int fail_not_found(std::size_t place) {
    fail(not_found(fmt::format("argument {} is not a known contact: give an email_id or a complete address", place)));
    return support::no_user;
}

/// Returns everything that is held about the contact as one JSON object.
result<std::string> all_of(stored& from, const uuid& email_id) {
    std::string out;
    service::person_export source(from.db, email_id, service::export_form::json);
    for (;;) {
        const auto more = source.next(out);
        if (!more) return more.error();
        if (!*more) return out;
    }
}

/// Shows the contacts of one operand. Returns the exit code.
int show_one(const invocation& call, stored& from, std::size_t place) {
    if (call.operands[place].empty()) return fail_not_found(place + 1);
    const auto query = query_of(call.operands[place]);
    if (call.json) {
        const auto found = from.contacts.find(query);
        if (!found) return fail(found.error());
        for (const auto& contact : *found) {
            std::string out;
            json::write_contact(out, contact, false);
            print_json(out);
        }
        return found->empty() ? fail_not_found(place + 1) : support::ok;
    }
    const auto found = from.contacts.find_identities(query);
    if (!found) return fail(found.error());
    for (const auto& one : *found) {
        const auto text = all_of(from, one.email_id);
        if (!text) return fail(text.error());
        print_contact(*text);
    }
    return found->empty() ? fail_not_found(place + 1) : support::ok;
}

/// Prints the contacts as a table.
void print_identities(const std::vector<model::identity>& found) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : found) rows.push_back({one.email_id.to_string(), one.primary_email.value_or("")});
    print_table({"EMAIL_ID", "PRIMARY_EMAIL"}, rows);
}

/// Deletes the contacts that the operand names: the one with the id, or all with the address. Returns their number.
result<std::int64_t> delete_named(stored& from, const model::identity_query& query) {
    const auto count = [](const error& failure) { // they may have been deleted in the meantime
        return failure.code == errc::not_found ? result<std::int64_t>(0) : result<std::int64_t>(failure);
    };
    if (query.email_id) {
        const auto removed = from.contacts.remove(*query.email_id, "ctms-admin contacts delete");
        return removed ? result<std::int64_t>(1) : count(removed.error());
    }
    const auto removed = from.contacts.remove(query.primary_email.value_or(""), "ctms-admin contacts delete");
    return removed ? result<std::int64_t>(static_cast<std::int64_t>(removed->size())) : count(removed.error());
}

void print_duplicates(bool as_json, std::span<const model::duplicate_contact> group) {
    const auto time_text = [](const std::optional<timestamp>& when) { return when ? to_iso(*when) : std::string("-"); };
    if (!as_json) {
        for (const auto& one : group) {
            print_text(fmt::format("{}  {:<32}  {:<32}  {}", one.email_id.to_string(), time_text(one.create_timestamp),
                                   time_text(one.update_timestamp), printable(one.primary_email)));
        }
        return;
    }
    std::string out;
    object_writer writer(out);
    writer.add("address", std::string_view(group.front().address));
    append_json_array(writer.key("contacts"), group, [&](std::string& to, const auto& one) {
        object_writer contact(to);
        contact.add("email_id", std::string_view(one.email_id.to_string()));
        contact.add("primary_email", std::string_view(one.primary_email));
        contact.add("create_timestamp", std::string_view(time_text(one.create_timestamp)));
        contact.add("update_timestamp", std::string_view(time_text(one.update_timestamp)));
        contact.close();
    });
    writer.close();
    print_json(out);
}

} // namespace

int contacts_show(invocation& call) {
    stored from(call);
    int code = support::ok;
    for (std::size_t place = 0; place < call.operands.size(); ++place) {
        if (const int one = show_one(call, from, place); one != support::ok) code = one;
        if (code != support::ok && code != support::no_user) return code; // the database is not available
    }
    return code;
}

int contacts_delete(invocation& call) {
    if (call.operands.front().empty()) return fail_not_found(1);
    stored from(call);
    const auto query = query_of(call.operands.front());
    const auto found = from.contacts.find_identities(query);
    if (!found) return fail(found.error());
    if (found->empty()) return fail_not_found(1);
    const bool dry_run = call.has("dry-run");
    if (!call.json) print_identities(*found);
    const auto what = found->size() == 1 ? std::string("this contact") : "these " + counted(found->size(), "contact");
    if (!dry_run && !call.has("yes") && !confirm(fmt::format("Delete {} permanently, here and at the vendor?", what))) {
        complain("nothing was deleted; answer y or use --yes");
        return support::failed;
    }
    const auto deleted = dry_run ? result<std::int64_t>(static_cast<std::int64_t>(found->size())) : delete_named(from, query);
    if (!deleted) return fail(deleted.error());
    call.note("deleted", dry_run ? 0 : *deleted);
    if (call.json) {
        fmt::print("{{\"deleted\":{},\"dry_run\":{}}}\n", *deleted, dry_run);
    } else {
        fmt::print("{} {}.\n", dry_run ? "Would delete" : "Deleted", counted(*deleted, "contact"));
    }
    return support::ok;
}

int contacts_duplicates(invocation& call) {
    stored from(call);
    std::size_t addresses = 0;
    std::size_t contacts = 0;
    if (!call.json) fmt::print("{}\n", bold(fmt::format("{:<36}  {:<32}  {:<32}  {}", "EMAIL_ID", "CREATED", "UPDATED", "PRIMARY_EMAIL")));
    const auto read = from.exports.duplicates([&](std::span<const model::duplicate_contact> group) {
        print_duplicates(call.json, group);
        ++addresses;
        contacts += group.size();
        return true;
    });
    if (!read) return fail(read.error());
    if (!call.json) fmt::print("\n{}, {}\n", counted(addresses, "address", "addresses"), counted(contacts, "contact"));
    return support::ok;
}

} // namespace ctms::cli
