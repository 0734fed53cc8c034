// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "contact_files.hpp"
#include "interrupts.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "tally.hpp"

#include <ctms/base/printable.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contact_lists.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <filesystem>
#include <functional>

namespace ctms::cli {
namespace {

using model::bulk_outcome;
using service::contact_lists;

/// The work on a list, apart from reading it.
struct list_work {
    std::function<result<std::vector<bulk_outcome>>(std::span<const std::string>)> act;
    std::function<void(const std::string& address, const bulk_outcome&)> report; ///< may be null
    std::function<void(const bulk_outcome&)> count;
};

/// How the work on a list ended.
struct list_end {
    std::uint64_t addresses = 0; ///< addresses that were processed
    std::uint64_t invalid = 0;   ///< lines without an address
    bool interrupted = false;
    std::optional<error> failure;
};

/// Returns the number of addresses in the file, for the question; nullopt if it can be read only once.
std::optional<std::uint64_t> count_addresses(const std::string& name) {
    std::error_code none;
    if (!std::filesystem::is_regular_file(name, none)) return std::nullopt;
    auto file = address_file::open(name);
    if (!file) return std::nullopt;
    std::uint64_t out = 0;
    for (address_record record; file->next(record);) out += record.address.empty() ? 0 : 1;
    return out;
}

result<void> process(const std::vector<std::string>& batch, const list_work& work) {
    const auto outcomes = work.act(batch);
    if (!outcomes) return outcomes.error();
    for (std::size_t i = 0; i < batch.size(); ++i) {
        work.count((*outcomes)[i]);
        if (work.report) work.report(batch[i], (*outcomes)[i]);
    }
    return {};
}

list_end process_file(address_file& file, const list_work& work, std::optional<std::uint64_t> total) {
    progress bar("addresses", total);
    list_end out;
    std::vector<std::string> batch;
    address_record record;
    for (bool more = true; more;) {
        more = file.next(record);
        if (more && record.address.empty()) {
            if (++out.invalid <= 10) complain("line {} contains no address and is skipped", record.line);
        } else if (more) {
            batch.push_back(std::move(record.address));
        }
        if (batch.empty() || (more && batch.size() < contact_lists::step)) continue;
        if (interrupts::requested()) return out.interrupted = true, out;
        if (const auto done = process(batch, work); !done) return out.failure = done.error(), out;
        out.addresses += batch.size();
        batch.clear();
        bar.set(out.addresses);
    }
    return out;
}

int exit_code_of(const list_end& end, address_file& file) {
    if (end.failure) fail(*end.failure);
    if (end.failure || end.interrupted) {
        complain("stopped after {}; run the same command again to continue: work that is already done does not change",
                 counted(end.addresses, "address", "addresses"));
        return support::temporary;
    }
    if (file.file().failed()) {
        complain("the file cannot be read completely");
        return support::no_input;
    }
    if (end.invalid == 0) return support::ok;
    complain("{}: a file has one address per line, or a header with primary_email or email",
             counted(end.invalid, "line contains no address", "lines contain no address"));
    return support::bad_data;
}

persistence::database_options patient_options(const invocation& call) {
    auto options = support::database_options(call.settings);
    options.statement_timeout = std::chrono::minutes(2);
    options.lock_timeout = std::chrono::seconds(30);
    return options;
}

/// Opens the file, asks, and processes it. `question` gets the number of addresses, in words.
int run_list(invocation& call, const list_work& work, const std::function<std::string(const std::string&)>& question,
             const std::function<void(const list_end&)>& summarize) {
    const auto& name = call.operands.front();
    auto file = address_file::open(name);
    if (!file) return fail(file.error()), support::no_input;
    const auto total = count_addresses(name);
    const auto how_many = total ? counted(*total, "address", "addresses") : std::string("the addresses");
    if (!call.has("yes") && !call.has("dry-run") && !confirm(question(how_many))) {
        complain("nothing was changed; answer y or use --yes");
        return support::failed;
    }
    const interrupts signals;
    const auto end = process_file(*file, work, total);
    summarize(end);
    if (call.has("dry-run")) complain("this was a dry run: nothing was changed");
    return exit_code_of(end, *file);
}

void print_deleted(bool as_json, const std::string& address, std::int64_t deleted) {
    if (as_json) {
        std::string out;
        object_writer writer(out);
        writer.add("primary_email", std::string_view(address));
        writer.add("deleted", deleted);
        writer.close();
        print_json(out);
        return;
    }
    const auto what = deleted == 0 ? std::string("not found") : "deleted " + counted(deleted, "contact");
    print_text(fmt::format("{:<40}  {}", printable(address), what));
}

} // namespace

int contacts_delete_bulk(invocation& call) {
    persistence::database db(patient_options(call));
    contact_lists contacts(db);
    tally counts{"addresses", "deleted", "not_found"};
    const list_work work{[&](std::span<const std::string> batch) { return contacts.remove(batch, call.has("dry-run")); },
                         [&](const std::string& address, const bulk_outcome& done) { print_deleted(call.json, address, done.changed); },
                         [&](const bulk_outcome& done) {
                             counts.add("deleted", static_cast<std::size_t>(done.changed));
                             counts.add("not_found", done.changed == 0 ? 1 : 0);
                         }};
    const auto question = [](const std::string& how_many) { return fmt::format("Delete the contacts of {} permanently?", how_many); };
    return run_list(call, work, question, [&](const list_end& end) {
        counts.add("addresses", end.addresses);
        if (!call.json) fmt::print("\n");
        counts.print(call.json);
        counts.note(call);
    });
}

int suppress(invocation& call) {
    persistence::database db(patient_options(call));
    contact_lists contacts(db);
    tally counts{"addresses", "suppressed", "already", "unknown"};
    const list_work work{[&](std::span<const std::string> batch) { return contacts.suppress(batch, call.has("dry-run")); },
                         {},
                         [&](const bulk_outcome& done) {
                             counts.add("suppressed", static_cast<std::size_t>(done.changed));
                             counts.add("already", static_cast<std::size_t>(done.already));
                             counts.add("unknown", done.changed + done.already == 0 ? 1 : 0);
                         }};
    const auto question = [](const std::string& how_many) { return fmt::format("Opt {} out of all email?", how_many); };
    return run_list(call, work, question, [&](const list_end& end) {
        counts.add("addresses", end.addresses);
        counts.print(call.json);
        counts.note(call);
    });
}

} // namespace ctms::cli
