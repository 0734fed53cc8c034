// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "contact_files.hpp"
#include "interrupts.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "result_file.hpp"
#include "tally.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contact_import.hpp>
#include <ctms/service/erasures.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <thread>

namespace ctms::cli {
namespace {

using service::import_outcome;

/// Contacts that are stored together.
struct import_batch {
    std::size_t number = 0; ///< in the order of the file
    std::vector<contact_record> records;
};

/// The file of rejected lines, in the order of the input. Created for the first of them; gets its name when it is closed.
class reject_file {
public:
    explicit reject_file(result_file file) : file_(std::move(file)) {}

    /// Adds the lines of a batch, which are written after those of all batches before it.
    void add(std::size_t batch, std::string lines) {
        waiting_[batch] = std::move(lines);
        for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_; first = waiting_.begin(), ++next_) {
            write(first->second);
            waiting_.erase(first);
        }
    }
    /// Writes lines that still wait for a batch that was never added. Returns false if any line could not be written.
    bool close() {
        for (const auto& [batch, lines] : waiting_) write(lines);
        waiting_.clear();
        return !failed_ && (!file_.is_created() || file_.commit());
    }
    [[nodiscard]] const std::string& name() const { return file_.name(); }

private:
    void write(const std::string& lines) {
        if (lines.empty() || failed_) return;
        failed_ = (!file_.is_created() && !file_.create()) || !file_.write(lines);
    }

    result_file file_;
    std::map<std::size_t, std::string> waiting_;
    std::size_t next_ = 0;
    bool failed_ = false;
};

std::string reject_line(const contact_record& record, const std::string& reason) {
    std::string out;
    object_writer writer(out);
    writer.add("line", static_cast<std::int64_t>(record.line));
    writer.add("reason", std::string_view(reason));
    const auto& original = record.original.empty() ? record.json : record.original;
    // JSON is UTF-8: in a line that is not, all bytes outside ASCII are replaced.
    std::string readable;
    if (!is_valid_utf8(original)) {
        for (const char c : original) readable += static_cast<unsigned char>(c) < 0x80U ? std::string(1, c) : std::string("\xEF\xBF\xBD");
    }
    writer.add("original", std::string_view(readable.empty() ? original : readable));
    writer.close();
    return out + '\n';
}

/// Passes batches from the reader to the workers, and collects the results.
class import_run {
public:
    import_run(const contact_file& file, service::contact_import& importer, result_file rejects, std::size_t jobs)
        : file_(file), importer_(importer), rejects_(std::move(rejects)) {
        try {
            for (std::size_t i = 0; i < jobs; ++i) workers_.emplace_back([this] { work(); });
        } catch (const std::exception& caught) { // no more threads: fewer workers do as well
            if (workers_.empty()) failure_ = unavailable("no thread can be started", caught.what());
        }
    }
    ~import_run() { finish(); }
    import_run(const import_run&) = delete;
    import_run& operator=(const import_run&) = delete;

    /// Waits while the workers are busy. Returns false if an error makes it useless to continue.
    bool add(import_batch batch) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return waiting_.size() < workers_.size() || failure_; });
        if (failure_) return false;
        waiting_.push_back(std::move(batch));
        changed_.notify_all();
        return true;
    }

    /// Waits for the batches that are being stored.
    void finish() {
        {
            const std::lock_guard lock(mutex_);
            complete_ = true;
            changed_.notify_all();
        }
        workers_.clear();
    }

    // Call these only after finish().
    [[nodiscard]] const std::optional<error>& failure() const { return failure_; }
    [[nodiscard]] std::size_t count(import_outcome what) const { return counts_.at(static_cast<std::size_t>(what)); }
    [[nodiscard]] std::size_t kept_opt_outs() const { return kept_opt_outs_; }
    [[nodiscard]] reject_file& rejects() { return rejects_; }

private:
    void work() {
        for (;;) {
            std::unique_lock reading(reading_); // one worker at a time, so that batches are read in the order of the file
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return !waiting_.empty() || complete_ || failure_; });
            if (failure_ || waiting_.empty()) return;
            auto batch = std::move(waiting_.front());
            waiting_.pop_front();
            changed_.notify_all();
            lock.unlock();
            try {
                store(batch, reading);
            } catch (const std::exception& caught) {
                stop(caught);
            }
        }
    }

    /// Stops the import after an exception, such as std::bad_alloc.
    void stop(const std::exception& why) noexcept {
        const std::lock_guard lock(mutex_);
        try {
            if (!failure_) failure_ = unavailable("a batch cannot be processed", why.what());
        } catch (const std::bad_alloc&) {
            failure_.emplace();
        }
        changed_.notify_all();
    }

    void store(const import_batch& batch, std::unique_lock<std::mutex>& reading) {
        std::vector<std::string> texts;
        for (const auto& record : batch.records) {
            if (record.problem.empty()) texts.push_back(record.json);
        }
        const auto verdicts = importer_.run(texts, [&reading] { reading.unlock(); });
        const std::lock_guard lock(mutex_);
        if (!verdicts) {
            if (!failure_) failure_ = verdicts.error();
            changed_.notify_all();
            return;
        }
        note(batch, *verdicts);
    }

    void note(const import_batch& batch, const std::vector<service::import_verdict>& verdicts) {
        std::string rejected;
        auto verdict = verdicts.begin();
        for (const auto& record : batch.records) {
            const bool was_tried = record.problem.empty();
            const auto what = was_tried ? verdict->what : import_outcome::rejected;
            ++counts_.at(static_cast<std::size_t>(what));
            if (what == import_outcome::rejected)
                rejected += reject_line(record, was_tried ? file_.in_terms_of_file(verdict->reason) : record.problem);
            kept_opt_outs_ += was_tried && verdict->kept_opt_out ? 1 : 0;
            if (was_tried) ++verdict;
        }
        rejects_.add(batch.number, std::move(rejected));
    }

    const contact_file& file_;
    service::contact_import& importer_;
    reject_file rejects_;
    std::mutex reading_; ///< locked before mutex_
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<import_batch> waiting_;
    std::array<std::size_t, 5> counts_{};
    std::size_t kept_opt_outs_ = 0;
    std::optional<error> failure_;
    bool complete_ = false;
    std::vector<std::jthread> workers_; ///< last, because they use the other members
};

/// Spreads the batches of an import over time.
class pace {
public:
    /// At most `rate` contacts per second, or as many as possible if it is 0. A signal ends a wait.
    pace(std::int64_t rate, const interrupts& signals) : rate_(rate), signals_(signals) {}

    /// Waits until the next batch, which has this number of contacts, may begin.
    void wait(std::int64_t contacts) {
        if (rate_ == 0) return;
        pollfd signal{.fd = signals_.descriptor(), .events = POLLIN, .revents = 0};
        for (auto now = clock::now(); now < due_ && !interrupts::requested(); now = clock::now()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(due_ - now);
            ::poll(&signal, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1'000)));
        }
        // If earlier batches took longer than they may, the time is not made up for.
        due_ = std::max(due_, clock::now()) + std::chrono::nanoseconds(std::chrono::seconds(contacts)) / rate_;
    }

private:
    using clock = std::chrono::steady_clock;

    std::int64_t rate_;
    const interrupts& signals_;
    clock::time_point due_; ///< when the next batch may begin
};

struct import_call {
    std::string file;
    std::optional<contact_format> format;
    std::optional<std::string> rejects;
    std::int64_t rate = 0; ///< contacts per second; 0 if there is no limit
    std::size_t batch = 0;
    std::size_t jobs = 0;
    service::import_options how;
};

result<import_call> read_call(const invocation& call) {
    import_call out;
    out.file = call.operands.front();
    if (const auto format = call.value("format")) {
        if (format != "csv" && format != "ndjson") return malformed("--format takes ndjson or csv");
        out.format = *format == "csv" ? contact_format::csv : contact_format::ndjson;
    }
    if (call.has("replace") && call.has("merge")) return malformed("use --replace or --merge, not both");
    if (call.has("allow-opt-in") && !call.has("replace"))
        return malformed("--allow-opt-in needs --replace: a merge never clears an opt-out");
    if (call.has("no-sync") && call.has("merge")) return malformed("--merge always queues the contacts: omit --no-sync");
    out.rejects = call.value("rejects");
    if (out.rejects && is_same_file(*out.rejects, out.file)) return malformed("--rejects names the imported file itself; nothing was done");
    constexpr std::int64_t usual_batch = 2'000;
    constexpr std::int64_t batches_per_second = 20; // with --rate: small ones, so that other clients never wait long for a core
    const auto rate = call.number("rate", 0, 1, 1'000'000);
    if (!rate) return rate.error();
    const auto batch =
        call.number("batch", *rate == 0 ? usual_batch : std::clamp(*rate / batches_per_second, std::int64_t{1}, usual_batch), 1, 50'000);
    if (!batch) return batch.error();
    const auto cores = static_cast<std::int64_t>(std::clamp(std::thread::hardware_concurrency(), 1U, 4U));
    const auto jobs = call.number("jobs", *rate == 0 ? std::max<std::int64_t>(cores, 2) : 1, 1, 32);
    if (!jobs) return jobs.error();
    out.rate = *rate;
    out.batch = static_cast<std::size_t>(*batch);
    out.jobs = static_cast<std::size_t>(*jobs);
    out.how.replace = call.has("replace");
    out.how.merge = call.has("merge");
    out.how.allow_opt_in = call.has("allow-opt-in");
    out.how.case_insensitive = call.has("case-insensitive");
    out.how.exact = call.has("exact");
    out.how.client = "ctms-admin contacts import";
    out.how.rules.geo_optional = call.settings.waitlist_geo_optional;
    out.how.dry_run = call.has("dry-run");
    out.how.queue_for_sync = !call.has("no-sync");
    return out;
}

/// Passes the file to the workers. Returns true if it was read to its end.
bool read_all(contact_file& contacts, import_run& run, std::size_t batch_size, pace steps) {
    const auto size = contacts.source().size();
    progress bar("KiB", size ? std::optional(*size / 1024) : std::nullopt);
    import_batch batch;
    contact_record record;
    bool more = true;
    while (more) {
        more = contacts.next(record);
        if (more) batch.records.push_back(std::move(record));
        if (batch.records.size() < batch_size && more) continue;
        steps.wait(std::ssize(batch.records));
        if (interrupts::requested() && more) return false;
        const auto number = batch.number;
        if (!batch.records.empty() && !run.add(std::exchange(batch, {number + 1, {}}))) return false;
        bar.set(contacts.source().position() / 1024);
    }
    return true;
}

int report(invocation& call, const import_call& wanted, import_run& run, bool to_the_end, bool unreadable) {
    tally counts;
    counts.add("created", run.count(import_outcome::created));
    counts.add("unchanged", run.count(import_outcome::unchanged));
    if (wanted.how.merge) {
        counts.add("merged", run.count(import_outcome::merged));
        counts.add("opt_outs_kept", run.kept_opt_outs());
    } else {
        counts.add("replaced", run.count(import_outcome::replaced));
    }
    counts.add("rejected", run.count(import_outcome::rejected));
    const bool kept = run.rejects().close();
    counts.print(call.json);
    counts.note(call);
    const bool any_rejected = run.count(import_outcome::rejected) > 0;
    if (wanted.how.dry_run) complain("this was a dry run: nothing was stored");
    if (any_rejected && kept) complain("{} lists the rejected lines and the reasons; fix them and import them again", run.rejects().name());
    if (!kept) complain("{} could not be written; run the command again with --rejects to see the rejected lines", run.rejects().name());
    if (run.failure() && fail(*run.failure()) == support::configuration) return support::configuration;
    if (unreadable) complain("{} cannot be read completely", wanted.file);
    if (!to_the_end || run.failure()) {
        complain("stopped before the end; run the same command again to continue: contacts that are already stored are skipped");
        return support::temporary;
    }
    if (unreadable) return support::no_input;
    return any_rejected || !kept ? support::bad_data : support::ok;
}

} // namespace

std::string contacts_import_columns() {
    constexpr std::size_t longest_line = 100;
    std::string out = "columns of a CSV, in any order; only those with * must be given:";
    std::size_t begin = out.size() + 1;
    out += '\n';
    const auto add = [&](std::string_view name) {
        if (out.size() - begin + name.size() + 3 > longest_line) {
            out += '\n';
            begin = out.size();
        }
        out += "  ";
        out += name;
    };
    for (const auto& column : json::contact_columns()) {
        if (!column.output_only) add(column.name + (column.required ? "*" : ""));
    }
    add("newsletters");
    add("waitlists");
    return out + "\nnewsletters and waitlists are names separated by semicolons, or a JSON list as in POST /ctms;\n"
                 "an empty cell means the default, and with --merge no change\n";
}

int contacts_import(invocation& call) {
    const auto wanted = read_call(call);
    if (!wanted) return fail(wanted.error());
    auto contacts = contact_file::open(wanted->file, wanted->format, wanted->how.exact);
    if (!contacts) return contacts.error().code == errc::not_found ? (fail(contacts.error()), support::no_input) : fail(contacts.error());
    auto options = support::database_options(call.settings);
    options.pool_size = static_cast<int>(wanted->jobs);
    options.statement_timeout = std::chrono::minutes(2);
    options.lock_timeout = std::chrono::seconds(30);
    persistence::database db(options);
    if (const auto keys = service::erasures(db).check_keys(); !keys) return fail(keys.error());
    service::contact_import importer(db, wanted->how);
    const interrupts signals;
    import_run run(*contacts, importer, result_file(wanted->rejects, wanted->file, "rejects"), wanted->jobs);
    const bool to_the_end = read_all(*contacts, run, wanted->batch, pace(wanted->rate, signals));
    run.finish();
    return report(call, *wanted, run, to_the_end, contacts->source().failed());
}

} // namespace ctms::cli
