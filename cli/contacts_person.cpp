// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/files.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/json/changes_json.hpp>
#include <ctms/json/history_json.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/audit_log.hpp>
#include <ctms/service/contact_history.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/person_export.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ctms::cli {
namespace {

/// The contacts that an operand names: the one with the id, also if it was deleted, or all with the address. `all`: also those whose
/// Firefox account has the address.
result<std::vector<uuid>> named_by(persistence::database& db, const std::string& operand, bool all) {
    if (const auto id = uuid::parse(operand)) return std::vector{*id};
    if (all) return service::find_person(db, operand);
    model::identity_query query;
    query.primary_email = operand;
    const auto found = service::contacts(db).find_identities(query);
    if (!found) return found.error();
    std::vector<uuid> out;
    for (const auto& one : *found) out.push_back(one.email_id);
    return out;
}

int fail_unknown() {
    fail(not_found("argument 1 is not a known contact: give an email_id or a complete address"));
    return support::no_user;
}

/// Where an export goes: standard output, or a file that gets its name when it is complete.
class export_target {
public:
    explicit export_target(std::optional<new_file> file) : file_(std::move(file)) {}
    bool write(const std::string& text) {
        if (file_) return file_->write(text);
        const auto shown = for_output(text, true);
        return std::fwrite(shown.data(), 1, shown.size(), stdout) == shown.size();
    }
    result<void> finish() {
        if (file_) return file_->commit();
        if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
        return unavailable(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
    }

private:
    std::optional<new_file> file_;
};

/// Writes the export of one contact. Returns false if nothing is held. A write that fails shows at the end. Records whose data it is before
/// it writes any, because the command may be ended before its own record is complete.
result<bool> write_person(persistence::database& db, const uuid& email_id, service::export_form form, std::string_view before,
                          std::string_view actor, export_target& to) {
    service::person_export source(db, email_id, form);
    std::string piece(before);
    for (bool is_first = true;; is_first = false) {
        const auto more = source.next(piece);
        if (!more && more.error().code == errc::not_found && is_first) return false;
        if (!more) return more.error();
        if (is_first) {
            const auto recorded = service::audit_log(db).note(std::string(actor), "contacts export", {{"email_ids", email_id.to_string()}});
            if (!recorded) return recorded.error();
        }
        if (!to.write(std::exchange(piece, {}))) return true; // finish() says why
        if (!*more) return true;
    }
}

std::string value_text(const boost::json::object& change, const char* name) {
    const auto* value = change.if_contains(name);
    if (value == nullptr || value->is_null()) return "-";
    if (value->is_bool()) return value->get_bool() ? "yes" : "no";
    return value->is_string() ? std::string(value->get_string()) : boost::json::serialize(*value);
}

/// The changed fields for people: "email.first_name, newsletters.subscribed (hubs): yes -> no".
std::string changes_text(const std::optional<std::string>& changes) {
    if (!changes) return "not known: changed by another program";
    std::string out;
    const auto list = boost::json::parse(*changes);
    for (const auto& item : list.as_array()) {
        const auto& change = item.as_object();
        if (!out.empty()) out += ", ";
        out += value_text(change, "field");
        if (change.contains("name")) out += fmt::format(" ({})", value_text(change, "name"));
        if (change.contains("old")) out += fmt::format(": {} -> {}", value_text(change, "old"), value_text(change, "new"));
    }
    return out.empty() ? "-" : out;
}

void print_entry(const model::history_entry& entry) {
    print_text(fmt::format("{}  {:<7}  {}  {}\n    {}", to_iso(entry.when), json::to_string(entry.what), entry.client.value_or("-"),
                           entry.request_id.value_or("-"), changes_text(entry.changes)));
}

/// Prints at most `limit` entries of a contact. Returns how many there were.
result<std::int64_t> print_history(persistence::database& db, const uuid& email_id, bool as_json, std::int64_t limit) {
    service::contact_history history(db);
    model::history_query query;
    std::int64_t count = 0;
    for (;;) {
        constexpr std::int64_t largest_page = 1'000;
        query.limit = static_cast<int>(std::min(limit - count, largest_page));
        const auto page = history.read(email_id, query);
        if (!page) return page.error();
        for (const auto& entry : page->items) {
            ++count;
            if (!as_json) {
                print_entry(entry);
                continue;
            }
            std::string line;
            json::write_history_entry(line, entry);
            print_json(std::move(line));
        }
        if (!page->next || count >= limit) return count;
        query.before = page->next;
    }
}

} // namespace

int contacts_export(invocation& call) {
    const auto& operand = call.operands.front();
    if (operand.empty()) return fail_unknown();
    persistence::database db(support::database_options(call.settings));
    const auto found = named_by(db, operand, call.has("all"));
    if (!found) return fail(found.error());
    const auto name = call.value("html");
    const auto form = name ? service::export_form::html : service::export_form::json;
    std::optional<new_file> file;
    if (name) {
        auto created = new_file::create(*name);
        if (!created) return fail(created.error());
        file = std::move(*created);
    }
    export_target to(std::move(file));
    std::int64_t count = 0;
    for (const auto& id : *found) {
        const auto head = name ? std::string(service::html_begin()) : fmt::format("{{\"exported_at\":\"{}\",\"contacts\":[", to_iso(now()));
        const auto separator = name ? std::string() : std::string(",");
        const auto written = write_person(db, id, form, count == 0 ? head : separator, call.actor, to);
        if (!written) return fail(written.error());
        if (!*written) continue;
        ++count;
    }
    if (count == 0) return fail_unknown();
    (void)to.write(name ? std::string(service::html_end()) : "]}\n"); // finish() says why it failed
    const auto finished = to.finish();
    call.note("contacts", count);
    return finished ? support::ok : fail(finished.error());
}

int contacts_history(invocation& call) {
    const auto& operand = call.operands.front();
    const auto limit = call.number("limit", 100, 1, 1'000'000);
    if (!limit) return fail_usage(limit.error().message, "contacts");
    if (operand.empty()) return fail_unknown();
    persistence::database db(support::database_options(call.settings));
    const auto found = named_by(db, operand, false);
    if (!found) return fail(found.error());
    std::int64_t count = 0;
    bool is_known = false;
    for (const auto& id : *found) {
        if (!call.json && found->size() > 1) print_text(bold(id.to_string()));
        const auto printed = print_history(db, id, call.json, *limit);
        if (!printed && printed.error().code == errc::not_found) continue;
        if (!printed) return fail(printed.error());
        is_known = true;
        count += *printed;
    }
    if (!is_known) return fail_unknown();
    if (count == 0) {
        complain("{}", call.settings.history_days > 0 ? "no change is recorded"
                                                      : "no change is recorded: the history is off (CTMS_HISTORY_DAYS)");
    }
    return support::ok;
}

} // namespace ctms::cli
