// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "contact_files.hpp"
#include "interrupts.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/sync_admin.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <cstdio>

namespace ctms::cli {
namespace {

using model::resync_selection;

struct tally {
    std::size_t chosen = 0;
    std::size_t queued = 0;
    std::size_t unknown = 0;
    bool stopped = false;
};

int count_options(const invocation& call) {
    return static_cast<int>(call.has("all")) + static_cast<int>(call.value("newsletter").has_value()) +
           static_cast<int>(call.value("waitlist").has_value()) + static_cast<int>(call.value("emails").has_value());
}

resync_selection selection_of(const invocation& call) {
    if (const auto name = call.value("newsletter")) return {resync_selection::kind::newsletter, *name};
    if (const auto name = call.value("waitlist")) return {resync_selection::kind::waitlist, *name};
    return {};
}

void print_tally(const invocation& call, const tally& done) {
    const bool dry = call.has("dry-run");
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("contacts", static_cast<std::int64_t>(done.chosen));
        writer.add("queued", static_cast<std::int64_t>(dry ? 0 : done.queued));
        writer.add("unknown", static_cast<std::int64_t>(done.unknown));
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

int finish(invocation& call, const tally& done) {
    call.note("contacts", static_cast<std::int64_t>(done.chosen));
    if (!call.has("dry-run")) call.note("queued", static_cast<std::int64_t>(done.queued));
    if (done.unknown > 0) call.note("unknown", static_cast<std::int64_t>(done.unknown));
    print_tally(call, done);
    if (done.stopped) {
        complain("stopped early; run the same command again: contacts that are already waiting keep their place");
        return support::temporary;
    }
    if (done.unknown > 0) {
        complain("{} to any contact", counted(done.unknown, "address does not belong", "addresses do not belong"));
        return support::bad_data;
    }
    return support::ok;
}

int fail_on_the_way(invocation& call, const tally& done, const error& failure) {
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

int resync_selected(invocation& call) {
    const auto which = selection_of(call);
    persistence::database db(support::database_options(call.settings));
    service::sync_admin queue(db);
    const auto chosen = queue.count(which);
    if (!chosen) return fail(chosen.error());
    tally done;
    if (call.has("dry-run")) {
        done.chosen = *chosen;
        return finish(call, done);
    }
    if (!agreed(call, counted(*chosen, "contact"))) return support::failed;
    const auto total = queue.count({});
    if (!total) return fail(total.error());
    const interrupts signals;
    std::optional<progress> bar;
    bar.emplace("contacts", *total);
    const auto report = queue.resync(which, [&](const service::resync_progress& so_far) {
        bar->set(so_far.looked_at);
        return !interrupts::requested();
    });
    bar.reset(); // so that the next text starts on a line of its own
    done = {.chosen = report.done.chosen, .queued = report.done.queued, .stopped = report.stopped};
    return report.failure ? fail_on_the_way(call, done, *report.failure) : finish(call, done);
}

/// Reads addresses from the lines of a file, without surrounding blanks and quotes.
class address_reader {
public:
    explicit address_reader(input_file input) : input_(std::move(input)) {}
    /// Returns false if a read failed, so that the file was not read to its end.
    [[nodiscard]] bool ended_well() { return !input_.failed(); }

    /// Returns at most `limit` addresses; none at the end.
    std::vector<std::string> next(std::size_t limit) {
        std::vector<std::string> out;
        std::string line;
        while (out.size() < limit && read_line(input_.stream(), line, longest_line)) {
            constexpr std::string_view around = " \t\r\"\xEF\xBB\xBF";
            const auto begin = line.find_first_not_of(around);
            if (begin == std::string::npos) continue;
            out.push_back(line.substr(begin, line.find_last_not_of(around) - begin + 1));
        }
        return out;
    }

private:
    static constexpr std::size_t longest_line = 4096; // an address is much shorter; a longer line belongs to no contact

    input_file input_;
};

int resync_addresses(invocation& call) {
    const auto path = call.value("emails").value_or("-");
    auto file = input_file::open(path);
    if (!file) {
        complain("{} cannot be opened; give a file with one address per line", path);
        return support::no_input;
    }
    address_reader reader(std::move(*file));
    const bool dry = call.has("dry-run");
    if (!dry && !agreed(call, "the contacts of these addresses")) return support::failed;
    persistence::database db(support::database_options(call.settings));
    service::sync_admin queue(db);
    const interrupts signals;
    std::optional<progress> bar;
    bar.emplace("addresses", std::nullopt);
    tally done;
    std::size_t read = 0;
    for (;;) {
        const auto addresses = reader.next(service::sync_admin::address_step);
        if (addresses.empty()) break;
        const auto step = queue.resync_addresses(addresses, dry);
        if (!step) {
            bar.reset();
            return fail_on_the_way(call, done, step.error());
        }
        done.chosen += step->chosen;
        done.queued += step->queued;
        done.unknown += step->unknown.size();
        bar->set(read += addresses.size());
        if ((done.stopped = interrupts::requested())) break;
    }
    bar.reset();
    if (!reader.ended_well()) {
        finish(call, done);
        complain("{} cannot be read completely", path);
        return support::no_input;
    }
    return finish(call, done);
}

} // namespace

int sync_resync(invocation& call) {
    if (count_options(call) != 1) return fail_usage("use exactly one of --all, --newsletter, --waitlist and --emails", "sync");
    return call.value("emails") ? resync_addresses(call) : resync_selected(call);
}

} // namespace ctms::cli
