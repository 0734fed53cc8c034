// SPDX-License-Identifier: MPL-2.0
#include "list_run.hpp"

#include "address_lists.hpp"
#include "interrupts.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "repeat_finder.hpp"
#include "result_file.hpp"
#include "tally.hpp"

#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/service/contact_lists.hpp>
#include <support/exit_codes.hpp>

#include <fmt/core.h>

namespace ctms::cli {
namespace {

constexpr std::size_t shown_lines = 10;

/// What the first pass found.
struct check {
    std::uint64_t addresses = 0;
    std::uint64_t bad = 0;
    bool failed = false; ///< the list could not be read to its end
    repeat_finder repeats;
};

check check_file(address_list& list) {
    check out;
    address_record record;
    while (list.next(record)) {
        if (record.problem.empty()) {
            ++out.addresses;
            out.repeats.see(record.address);
        } else if (++out.bad <= shown_lines) {
            complain("line {}: {}", record.line, record.problem);
        }
    }
    out.failed = list.failed();
    list.rewind();
    while (out.repeats.needs_another_pass()) {
        while (list.next(record)) {
            if (record.problem.empty()) out.repeats.see(record.address);
        }
        list.rewind();
    }
    return out;
}

/// The reports for single addresses, as lines of JSON.
class report_file {
public:
    report_file(result_file file, std::string_view done, bool dry_run) : file_(std::move(file)), done_(done), dry_run_(dry_run) {}

    [[nodiscard]] result<void> create() { return file_.create(); }

    void add(const address_record& record, const model::bulk_outcome& what) {
        std::string out;
        object_writer writer(out);
        writer.add("line", static_cast<std::int64_t>(record.line));
        writer.add("primary_email", std::string_view(record.address));
        writer.add("outcome", what.held > 0      ? std::string_view("held")
                              : what.changed > 0 ? done_
                                                 : std::string_view(what.already > 0 ? "already" : "not_found"));
        writer.add("contacts", what.changed + what.already);
        writer.add("other_case", what.other_case);
        if (dry_run_) writer.add("dry_run", true);
        writer.close();
        write(std::move(out));
    }
    void add_other(const address_record& record, std::string_view outcome) {
        std::string out;
        object_writer writer(out);
        writer.add("line", static_cast<std::int64_t>(record.line));
        if (!record.address.empty()) writer.add("primary_email", std::string_view(record.address));
        writer.add("outcome", outcome);
        if (!record.problem.empty()) writer.add("reason", std::string_view(record.problem));
        writer.close();
        write(std::move(out));
    }
    /// Returns false if a line could not be written.
    [[nodiscard]] bool close() { return !failed_ && file_.commit().has_value(); }
    [[nodiscard]] const std::string& name() const { return file_.name(); }

private:
    void write(std::string line) { failed_ = !file_.write(line += '\n') || failed_; }

    result_file file_;
    std::string_view done_;
    bool dry_run_;
    bool failed_ = false;
};

/// The second pass.
class list_work {
public:
    list_work(address_list& list, const list_command& what, const repeat_finder& repeats, report_file& report, tally& counts)
        : list_(list), what_(what), repeats_(repeats), report_(report), counts_(counts) {}

    /// Returns false if it was interrupted or failed.
    bool run(std::uint64_t total) {
        const interrupts signals;
        progress bar("addresses", total);
        address_record record;
        for (bool more = true; more;) {
            more = list_.next(record);
            if (more) take(record);
            if (step_.empty() || (more && step_.size() < service::contact_lists::step)) continue;
            if (interrupts::requested() || !process()) return false;
            bar.set(done_);
        }
        return true;
    }
    [[nodiscard]] const std::optional<error>& failure() const { return failure_; }
    [[nodiscard]] std::uint64_t done() const { return done_; }

private:
    void take(address_record& record) {
        if (!record.problem.empty()) {
            counts_.add("skipped");
            report_.add_other(record, "skipped");
        } else if (repeats_.is_repeated(place_++)) {
            counts_.add("repeated");
            report_.add_other(record, "repeated");
        } else {
            step_.push_back(std::move(record));
        }
        record = {};
    }

    bool process() {
        std::vector<std::string> addresses;
        for (const auto& one : step_) addresses.push_back(one.address);
        const auto outcomes = what_.act(addresses);
        if (!outcomes) return failure_ = outcomes.error(), false;
        for (std::size_t i = 0; i < step_.size(); ++i) {
            const auto& one = outcomes->at(i);
            report_.add(step_[i], one);
            counts_.add(what_.done, static_cast<std::size_t>(one.changed));
            counts_.add("already", static_cast<std::size_t>(one.already));
            counts_.add("not_found", one.changed + one.already + one.held == 0 ? 1 : 0);
            if (one.held > 0) counts_.add("held", static_cast<std::size_t>(one.held));
            counts_.add("other_case", static_cast<std::size_t>(one.other_case));
        }
        done_ += step_.size();
        counts_.add("addresses", step_.size());
        step_.clear();
        return true;
    }

    address_list& list_;
    const list_command& what_;
    const repeat_finder& repeats_;
    report_file& report_;
    tally& counts_;
    std::vector<address_record> step_;
    std::size_t place_ = 0;
    std::uint64_t done_ = 0;
    std::optional<error> failure_;
};

/// Explains what the first pass found. Returns false if the command must stop.
bool may_go_on(const invocation& call, const check& found, const address_list& list) {
    if (found.bad == 0) return true;
    if (found.bad > shown_lines) complain("and {} more", counted(found.bad - shown_lines, "line"));
    if (found.addresses == 0) complain("no line of the file contains an address");
    if (call.has("skip-bad-lines")) return true;
    const auto place = list.place();
    complain("{}{}; nothing was done: correct the file, or use --skip-bad-lines to work on the other lines",
             counted(found.bad, "line has no single address", "lines have no single address"), place.empty() ? "" : " in " + place);
    if (!place.empty() && found.bad > found.addresses && !call.value("column"))
        complain("if another column has the addresses, choose it with --column");
    return false;
}

int finish(const invocation& call, const list_work& work, bool to_the_end, const check& found, const tally& counts) {
    if (call.has("dry-run")) complain("this was a dry run: nothing was changed");
    if (work.failure() && fail(*work.failure()) == support::configuration) return support::configuration;
    if (!to_the_end) {
        complain("stopped after {}; run the same command again to continue: work that is already done does not change",
                 counted(work.done(), "address", "addresses"));
        return support::temporary;
    }
    if (counts.count("not_found") > 0)
        complain("{} to any contact", counted(counts.count("not_found"), "address does not belong", "addresses do not belong"));
    if (counts.count("held") > 0)
        complain("{} not deleted because of a legal hold; see ctms-admin contacts holds",
                 counted(counts.count("held"), "contact was", "contacts were"));
    if (found.bad > 0) return support::bad_data;
    if (counts.count("held") > 0) return support::failed;
    return counts.count("not_found") > 0 ? support::no_user : support::ok;
}

} // namespace

int run_list(invocation& call, const std::string& file, const list_command& what) {
    const auto given = call.value("report");
    if (given && is_same_file(*given, file)) {
        complain("--report names the list itself; nothing was done");
        return support::usage;
    }
    auto list = address_list::open(file, call.value("column"));
    if (!list) {
        const int code = fail(list.error());
        return list.error().code == errc::not_found ? static_cast<int>(support::no_input) : code;
    }
    const auto found = check_file(*list);
    if (found.failed) return complain("{} cannot be read completely; nothing was done", file), support::no_input;
    if (!may_go_on(call, found, *list)) return support::bad_data;
    if (const auto place = list->place(); !place.empty()) complain("the addresses are in {}", place);
    const auto how_many = counted(found.addresses, "address", "addresses");
    if (!call.has("yes") && !call.has("dry-run") && !confirm(fmt::format(fmt::runtime(what.question), how_many))) {
        complain("nothing was changed; answer y or use --yes");
        return support::failed;
    }
    report_file report(result_file(given, file, "report"), what.done, call.has("dry-run"));
    if (const auto made = report.create(); !made) {
        fail(made.error());
        complain("nothing was done; --report names another file for the results");
        return support::io_error;
    }
    tally counts{"addresses", what.done, "already", "not_found", "other_case", "repeated", "skipped"};
    list_work work(*list, what, found.repeats, report, counts);
    const bool to_the_end = work.run(found.addresses) && !list->failed();
    const bool kept = report.close();
    counts.print(call.json);
    counts.note(call);
    kept ? complain("{} lists the result for each address", report.name()) : complain("{} could not be written completely", report.name());
    const int code = finish(call, work, to_the_end, found, counts);
    return code == support::ok && !kept ? static_cast<int>(support::io_error) : code;
}

} // namespace ctms::cli
