// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "interrupts.hpp"
#include "list_run.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "suggest.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/sync_admin.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

namespace ctms::cli {
namespace {

using model::resync_selection;

struct resynced {
    std::size_t chosen = 0;
    std::size_t queued = 0;
    bool stopped = false;
};

int count_options(const invocation& call) {
    return static_cast<int>(call.has("all")) + static_cast<int>(call.value("newsletter").has_value()) +
           static_cast<int>(call.value("waitlist").has_value()) + static_cast<int>(call.value("emails").has_value()) +
           static_cast<int>(call.has("skipped"));
}

resync_selection selection_of(const invocation& call) {
    if (const auto name = call.value("newsletter")) return {resync_selection::kind::newsletter, *name};
    if (const auto name = call.value("waitlist")) return {resync_selection::kind::waitlist, *name};
    return {};
}

void print_tally(const invocation& call, const resynced& done) {
    const bool dry = call.has("dry-run");
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("contacts", static_cast<std::int64_t>(done.chosen));
        writer.add("queued", static_cast<std::int64_t>(dry ? 0 : done.queued));
        writer.add("dry_run", dry);
        writer.add("stopped", done.stopped);
        writer.close();
        print_json(out);
    } else if (dry) {
        fmt::print("Would queue {}, except those that are already waiting.\n", counted(done.chosen, "contact"));
    } else {
        fmt::print("Queued {}; {} already waiting.\n", counted(done.queued, "contact"), counted(done.chosen - done.queued, "was", "were"));
    }
}

int finish(invocation& call, const resynced& done) {
    call.note("contacts", static_cast<std::int64_t>(done.chosen));
    if (!call.has("dry-run")) call.note("queued", static_cast<std::int64_t>(done.queued));
    print_tally(call, done);
    if (done.stopped) {
        complain("stopped early; run the same command again: contacts that are already waiting keep their place");
        return support::temporary;
    }
    return support::ok;
}

int fail_on_the_way(invocation& call, const resynced& done, const error& failure) {
    const int code = fail(failure);
    call.note("queued", static_cast<std::int64_t>(done.queued));
    complain("{} queued before the error; run the same command again: contacts that are already waiting keep their place",
             counted(done.queued, "contact was", "contacts were"));
    return code;
}

bool agreed(const invocation& call, const std::string& whom) {
    if (call.has("yes") || confirm(fmt::format("Send {} to the vendor again, after everything that is waiting?", whom))) return true;
    complain("nothing was queued; answer y or use --yes");
    return false;
}

/// Refuses a newsletter or waitlist that no contact has, unless --allow-unknown is given. A newsletter with a column at the vendor is
/// known.
result<void> check_name(const invocation& call, service::sync_admin& queue, const resync_selection& which) {
    if (which.what == resync_selection::kind::all || call.has("allow-unknown")) return {};
    const auto known = queue.known_names(which.what);
    if (!known) return known.error();
    if (std::find(known->begin(), known->end(), which.name) != known->end()) return {};
    const bool newsletter = which.what == resync_selection::kind::newsletter;
    return invalid(fmt::format("no contact has the {} '{}' (--allow-unknown accepts it){}", newsletter ? "newsletter" : "waitlist",
                               which.name, did_you_mean(which.name, *known)));
}

int resync_selected(invocation& call) {
    const auto which = selection_of(call);
    const bool skipped = call.has("skipped");
    persistence::database db(support::database_options(call.settings));
    service::sync_admin queue(db);
    const auto chosen = skipped ? queue.count_skipped() : queue.count(which);
    if (!chosen) return fail(chosen.error());
    if (const auto known = *chosen > 0 ? result<void>() : check_name(call, queue, which); !known) return fail(known.error());
    resynced done;
    if (call.has("dry-run")) {
        done.chosen = *chosen;
        return finish(call, done);
    }
    if (!agreed(call, counted(*chosen, "contact"))) return support::failed;
    const auto total = skipped ? chosen : queue.count({});
    if (!total) return fail(total.error());
    const interrupts signals;
    progress bar("contacts", *total);
    const auto go_on = [&](const service::resync_progress& so_far) {
        bar.set(so_far.looked_at);
        return !interrupts::requested();
    };
    const auto report = skipped ? queue.resync_skipped(go_on) : queue.resync(which, go_on);
    bar.erase();
    done = {.chosen = report.done.chosen, .queued = report.done.queued, .stopped = report.stopped};
    return report.failure ? fail_on_the_way(call, done, *report.failure) : finish(call, done);
}

int resync_addresses(invocation& call) {
    persistence::database db(support::database_options(call.settings));
    service::sync_admin queue(db);
    return run_list(call, *call.value("emails"),
                    {.done = "queued",
                     .question = "Send the contacts of {} to the vendor again, after everything that is waiting?",
                     .act = [&](std::span<const std::string> step) { return queue.resync_addresses(step, call.has("dry-run")); }});
}

} // namespace

int sync_resync(invocation& call) {
    if (count_options(call) != 1) return fail_usage("use exactly one of --all, --newsletter, --waitlist, --emails and --skipped", "sync");
    return call.value("emails") ? resync_addresses(call) : resync_selected(call);
}

} // namespace ctms::cli
