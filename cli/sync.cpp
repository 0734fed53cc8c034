// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/sync_admin.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <cstdio>
#include <optional>

namespace ctms::cli {
namespace {

std::string age_text(std::chrono::seconds age) {
    const auto total = age.count();
    constexpr int minute = 60;
    constexpr int hour = 3600;
    return total < minute ? fmt::format("{} s", total)
                          : fmt::format("{}:{:02}:{:02}", total / hour, total / minute % minute, total % minute);
}

const char* circuit_of(const model::queue_status& status) { return status.next_probe_at ? "open" : "closed"; }

void add_text(object_writer& to, std::string_view name, const std::string& text) {
    text.empty() ? to.add_null(name) : to.add(name, std::string_view(text));
}

void add_time(object_writer& to, std::string_view name, const std::optional<timestamp>& time) {
    time ? to.add(name, std::string_view(to_iso(*time))) : to.add_null(name);
}

void print_vendor(const model::queue_status& status) {
    fmt::print("\n");
    if (status.next_probe_at) {
        fmt::print("The circuit is open: {}. Next probe: {}.\n", printable(status.circuit_reason), to_iso(*status.next_probe_at));
    } else {
        fmt::print("The circuit is closed.\n");
    }
    if (status.last_error_at)
        fmt::print("Last error of the vendor: {}, {}.\n", printable(status.last_error), to_iso(*status.last_error_at));
    if (status.bulk_contacts) {
        fmt::print("A bulk job is under way, with {}.\n", counted(static_cast<std::size_t>(*status.bulk_contacts), "contact", "contacts"));
    }
    if (status.skipped > 0) {
        fmt::print("{} removed from the queue without being sent; ctms-admin sync resync --skipped queues them again.\n",
                   counted(static_cast<std::size_t>(status.skipped), "contact was", "contacts were"));
    }
}

void print_status_json(const model::queue_status& status) {
    std::string out;
    object_writer writer(out);
    writer.add("backlog", status.counts.backlog);
    writer.add("retry_backlog", status.counts.retry_backlog);
    writer.add("parked", status.counts.parked);
    writer.add("age_seconds", static_cast<std::int64_t>(status.counts.age.count()));
    writer.add("due", status.due);
    writer.add("claimed", status.claimed);
    writer.add("resync", status.after_writes);
    writer.add("skipped", status.skipped);
    status.bulk_contacts ? writer.add("bulk_job", *status.bulk_contacts) : writer.add_null("bulk_job");
    writer.add("circuit", circuit_of(status));
    add_text(writer, "circuit_reason", status.circuit_reason);
    add_time(writer, "next_probe_at", status.next_probe_at);
    add_text(writer, "vendor_error", status.last_error);
    add_time(writer, "vendor_error_at", status.last_error_at);
    append_json_array(writer.key("workers"), status.workers, [](std::string& to, const model::sync_worker& one) {
        object_writer worker(to);
        worker.add("worker", std::string_view(one.id.to_string()));
        worker.add("claimed", one.claimed);
        worker.add("slots", one.slots);
        worker.add("until", std::string_view(to_iso(one.until)));
        worker.close();
    });
    writer.close();
    print_json(out);
}

void print_parked_json(const std::vector<model::parked_contact>& list) {
    std::string out;
    append_json_array(out, list, [](std::string& to, const model::parked_contact& one) {
        object_writer writer(to);
        writer.add("email_id", std::string_view(one.email_id.to_string()));
        writer.add("operation", one.is_deletion ? "delete" : "upsert");
        writer.add("retries", one.retry);
        writer.add("reason", std::string_view(one.reason));
        writer.add("requested_at", std::string_view(to_iso(one.last_requested_at)));
        writer.close();
    });
    print_json(out);
}

/// Reads the ids of parked contacts; none with --all.
result<std::vector<uuid>> read_choice(const invocation& call) {
    const auto wrong = [](std::string text) { return malformed(std::move(text)); };
    if (call.has("all") == !call.operands.empty()) return wrong("give either ids of parked contacts or --all");
    std::vector<uuid> out;
    for (const auto& text : call.operands) {
        const auto id = uuid::parse(text);
        // The text may be an address, so the message does not contain it.
        if (!id) return wrong(fmt::format("argument {} is not the id of a contact", out.size() + 1));
        out.push_back(*id);
    }
    return out;
}

int report_change(invocation& call, std::string_view what, std::string_view verb, std::size_t asked, std::size_t changed) {
    call.note(what, static_cast<std::int64_t>(changed));
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add(what, static_cast<std::int64_t>(changed));
        writer.close();
        print_json(out);
    } else {
        fmt::print("{} {}.\n", verb, counted(changed, "parked contact"));
    }
    if (changed >= asked) return support::ok;
    complain("{} of {} {} not parked; ctms-admin sync parked lists the parked contacts", asked - changed, counted(asked, "contact"),
             asked - changed == 1 ? "was" : "were");
    return support::bad_data;
}

/// Reports an error of a command that changes rows in several steps.
int fail_on_the_way(const error& failure) {
    const int code = fail(failure);
    complain("some of it may be done; it is safe to run the command again");
    return code;
}

} // namespace

int sync_status(invocation& call) {
    persistence::database db(support::database_options(call.settings));
    const auto status = service::sync_admin(db).status();
    if (!status) return fail(status.error());
    if (call.json) return print_status_json(*status), support::ok;
    print_table({"WHAT", "COUNT"}, {{"backlog", std::to_string(status->counts.backlog)},
                                    {"  due now", std::to_string(status->due)},
                                    {"  claimed", std::to_string(status->claimed)},
                                    {"  queued in bulk", std::to_string(status->after_writes)},
                                    {"retry backlog", std::to_string(status->counts.retry_backlog)},
                                    {"parked", std::to_string(status->counts.parked)},
                                    {"age", age_text(status->counts.age)}});
    print_vendor(*status);
    if (status->workers.empty()) return support::ok;
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : status->workers)
        rows.push_back({one.id.to_string(), std::to_string(one.claimed), std::to_string(one.slots), to_iso(one.until)});
    fmt::print("\n");
    print_table({"WORKER", "CLAIMED", "SLOTS", "UNTIL"}, rows);
    return support::ok;
}

int sync_parked(invocation& call) {
    const auto limit = call.number("limit", 100, 1, 1'000'000);
    if (!limit) return fail_usage(limit.error().message, "sync");
    persistence::database db(support::database_options(call.settings));
    const auto list = service::sync_admin(db).parked(static_cast<int>(*limit));
    if (!list) return fail(list.error());
    if (call.json) return print_parked_json(*list), support::ok;
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : *list) {
        rows.push_back({one.email_id.to_string(), one.is_deletion ? "delete" : "upsert", std::to_string(one.retry),
                        to_iso(one.last_requested_at), one.reason});
    }
    print_table({"CONTACT", "OPERATION", "RETRIES", "REQUESTED", "REASON"}, rows);
    return support::ok;
}

int sync_retry(invocation& call) {
    const auto ids = read_choice(call);
    if (!ids) return fail_usage(ids.error().message, "sync");
    persistence::database db(support::database_options(call.settings));
    service::sync_admin queue(db);
    const auto changed = call.has("all") ? queue.retry_all_parked() : queue.retry_parked(*ids);
    return changed ? report_change(call, "retried", "Made due", ids->size(), *changed) : fail_on_the_way(changed.error());
}

int sync_forget(invocation& call) {
    const auto ids = read_choice(call);
    if (!ids) return fail_usage(ids.error().message, "sync");
    const auto which = ids->empty() ? std::string("all parked contacts") : counted(ids->size(), "parked contact");
    if (!call.has("yes") && !confirm(fmt::format("Forget {}? The vendor keeps the data that it has.", which))) {
        complain("nothing was forgotten; answer y or use --yes");
        return support::failed;
    }
    persistence::database db(support::database_options(call.settings));
    service::sync_admin queue(db);
    const auto changed = call.has("all") ? queue.forget_all_parked() : queue.forget_parked(*ids);
    return changed ? report_change(call, "forgotten", "Forgot", ids->size(), *changed) : fail_on_the_way(changed.error());
}

} // namespace ctms::cli
