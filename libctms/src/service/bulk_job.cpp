// SPDX-License-Identifier: MPL-2.0
#include "bulk_job.hpp"

#include "bulk_file.hpp"
#include "circuit_breaker.hpp"

#include <ctms/base/trace_context.hpp>
#include <ctms/privacy/redact.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace ctms::service {
namespace {

using clock = std::chrono::steady_clock;
using persistence::bulk_end;

constexpr auto log_type = "ctms.acoustic_service";
constexpr int contacts_of_a_statement = 5'000;
constexpr std::size_t longest_error_file = 64 << 20;

std::string csv_name(const uuid& job) { return fmt::format("ctms-{}.csv", job.to_string()); }
std::string map_name(const uuid& job) { return fmt::format("ctms-{}.xml", job.to_string()); }

std::string path_of_upload(const std::string& name) { return std::string(acoustic::upload_folder) + "/" + name; }
std::string path_of_download(const std::string& name) { return std::string(acoustic::download_folder) + "/" + name; }

/// Gives the slot of a call back when it is destroyed. If the database fails, the slot's lease ends.
class slot_until_end {
public:
    slot_until_end(persistence::vendor_slots& slots, const uuid& holder) : slots_(slots), holder_(holder) {}
    ~slot_until_end() {
        try {
            (void)slots_.give_back(holder_);
        } catch (const std::exception&) { // out of memory
        }
    }
    slot_until_end(const slot_until_end&) = delete;
    slot_until_end& operator=(const slot_until_end&) = delete;

private:
    persistence::vendor_slots& slots_;
    const uuid& holder_;
};

/// The time until the next question how a job is doing that the vendor was asked for so long ago.
std::chrono::milliseconds poll_after(std::chrono::seconds asked, std::chrono::milliseconds longest) {
    constexpr std::chrono::seconds shortest{1};
    return std::min<std::chrono::milliseconds>(longest, std::max<std::chrono::milliseconds>(shortest, asked / 4));
}

mozlog::fields fields_of(const persistence::bulk_job& job) {
    mozlog::fields out;
    out.add("job", job.id.to_string());
    if (!job.vendor_id.empty()) out.add("vendor_job", job.vendor_id);
    return out;
}

} // namespace

bulk_job::bulk_job(persistence::database& db, acoustic::client& vendor, acoustic::file_exchange& files, mozlog::logger& log,
                   const bulk_options& options)
    : db_(db), jobs_(db), slots_(db, options.connections), vendor_(vendor), files_(files), log_(log), options_(options) {}

bulk_job::wait bulk_job::step(const std::stop_token& stop) {
    try {
        auto out = take_step(stop);
        if (!out) takes_ = false; // calls send the contacts as long as no job can
        return out;
    } catch (const std::exception&) {
        takes_ = false;
        throw;
    }
}

bulk_job::wait bulk_job::take_step(const std::stop_token& stop) {
    if (const auto noted = note_started(); !noted) return noted.error();
    const auto seen = jobs_.look(options_.threshold.value_or(0));
    if (!seen) return seen.error();
    const bool is_down = options_.is_down && options_.is_down();
    takes_ = options_.threshold && seen->is_enough && seen->may_begin && !is_down;
    if (options_.on_look) options_.on_look(seen->is_under_way);
    if (!seen->is_under_way && !takes_ && !seen->has_files) return options_.look;
    const auto held = jobs_.hold(holder_, options_.lease);
    if (!held) return held.error();
    if (!*held) return options_.look; // another process looks after it
    const auto& [may_begin, failures, job] = **held;
    if (seen->has_files) {
        if (const auto removed = remove_files(stop); !removed) return removed.error();
    }
    if (job) return look_after(*job, failures, stop);
    return takes_ && may_begin ? begin(failures, stop) : wait(options_.look);
}

void bulk_job::let_go() {
    (void)note_started();
    (void)jobs_.let_go(holder_);
}

result<void> bulk_job::note_started() {
    if (!started_) return {};
    if (const auto noted = jobs_.note_started(started_->id, started_->vendor_id); !noted) return noted.error();
    started_.reset();
    return {};
}

bulk_job::wait bulk_job::begin(int failures, const std::stop_token& stop) {
    persistence::bulk_job job{uuid::random(), "", std::nullopt, 0};
    const auto begun = jobs_.begin(holder_, job.id, {path_of_upload(csv_name(job.id)), path_of_upload(map_name(job.id))});
    if (!begun) return begun.error();
    if (!*begun) return options_.look;
    log_.log(mozlog::severity::info, log_type, fields_of(job), "A bulk job begins: its file is uploaded");
    const auto contacts = upload(job.id, stop);
    const auto slot = contacts && *contacts > 0 ? take_slot(stop) : result<bool>(false);
    if (!slot) return slot.error();
    std::optional<slot_until_end> taken;
    if (*slot) taken.emplace(slots_, holder_);
    if (stop.stop_requested() || (contacts && *contacts == 0)) { // no contact fits
        if (const auto ended = end(job, bulk_end::again, std::nullopt); !ended) return ended.error();
        return options_.look;
    }
    if (!contacts) return fail(job, bulk_end::again, failures, contacts.error().detail);
    job.contacts = *contacts;
    if (!*slot) return fail(job, bulk_end::again, failures, "no call to the vendor is free");
    // Noted first: if this process is killed during the call, it is known that the job may be under way.
    const auto noted = jobs_.note_asked(holder_, job.id, job.contacts);
    if (!noted) return noted.error();
    if (!*noted) return options_.look;
    const auto started = ask_to_start(job.id);
    if (!started.failed) {
        job.vendor_id = started.value;
        started_ = job; // until the database has it
        if (const auto kept = note_started(); !kept) return kept.error();
        taken.reset();
        auto members = fields_of(job);
        members.add("contacts", job.contacts);
        log_.log(mozlog::severity::info, log_type, members, "The vendor has begun a bulk job");
        return poll_after({}, options_.poll);
    }
    taken.reset();
    const bool has_not_begun = !started.sent || started.failed->kind == acoustic::failure_kind::permanent;
    if (has_not_begun) return fail(job, bulk_end::again, failures, started.failed->reason);
    auto members = fields_of(job);
    members.add("error", started.failed->reason);
    log_.log(mozlog::severity::warning, log_type, members,
             "The vendor did not answer whether a bulk job has begun: waiting until it must have ended");
    return poll_after({}, options_.poll);
}

acoustic::job_answer<std::string> bulk_job::ask_to_start(const uuid& job) {
    const auto trace = trace_context::begin();
    const trace_scope scope(&trace);
    return vendor_.import_list(map_name(job), csv_name(job));
}

result<std::int64_t> bulk_job::upload(const uuid& job, const std::stop_token& stop) {
    bulk_file file(db_, job, options_.most, options_.skip_unchanged, [&] {
        if (stop.stop_requested()) throw std::runtime_error("stopped");
        const auto held = jobs_.hold(holder_, options_.lease);
        if (!held) throw std::runtime_error("the database: " + held.error().detail);
        if (!*held || !(*held)->job || (*held)->job->id != job) throw std::runtime_error("another process looks after the job");
    });
    try {
        if (auto done = files_.upload(
                csv_name(job), [&] { return file.next(); }, stop);
            !done)
            return done.error();
        if (file.rows() == 0) return std::int64_t{0};
        auto mapping = acoustic::import_mapping_xml(options_.list_id, file.columns());
        if (auto done = files_.upload(
                map_name(job), [&] { return std::exchange(mapping, {}); }, stop);
            !done)
            return done.error();
    } catch (const std::exception& caught) { // also of libcurl, if it cannot do what it must
        return unavailable("The file of a bulk job could not be made", caught.what());
    }
    return file.rows();
}

bulk_job::wait bulk_job::look_after(const persistence::bulk_job& job, int failures, const std::stop_token& stop) {
    if (!job.asked) return fail(job, bulk_end::again, failures, "the process that uploaded its file has ended");
    for (std::size_t renewed = contacts_of_a_statement; renewed == contacts_of_a_statement;) {
        const auto done = jobs_.renew(job.id, job_claim, contacts_of_a_statement);
        if (!done) return done.error();
        renewed = *done;
    }
    if (job.vendor_id.empty()) return wait_or_give_up(job, failures, "the vendor did not answer whether it has begun");
    if (options_.is_down && options_.is_down()) return options_.look;
    return ask_how_it_is(job, failures, stop);
}

bulk_job::wait bulk_job::ask_how_it_is(const persistence::bulk_job& job, int failures, const std::stop_token& stop) {
    const auto slot = take_slot(stop);
    if (!slot) return slot.error();
    if (!*slot) return options_.look;
    const auto told = [&] {
        const slot_until_end taken(slots_, holder_);
        const auto trace = trace_context::begin();
        const trace_scope scope(&trace);
        return vendor_.job_status(job.vendor_id);
    }();
    // Whatever the reason is: only the job's own status says that it has ended.
    if (told.failed) return wait_or_give_up(job, failures, fmt::format("the vendor does not say how it is doing: {}", told.failed->reason));
    switch (told.value.stage) {
    case acoustic::job_stage::running: return wait_or_give_up(job, failures, "it has not ended");
    case acoustic::job_stage::failed: return fail(job, bulk_end::by_call, failures, fmt::format("the vendor says {}", told.value.said));
    case acoustic::job_stage::complete: break;
    }
    return finish(job, failures, told.value, stop);
}

bulk_job::wait bulk_job::wait_or_give_up(const persistence::bulk_job& job, int failures, std::string_view why) {
    const auto longest = options_.longest.count();
    if (*job.asked <= options_.longest) return poll_after(*job.asked, options_.poll);
    return fail(job, bulk_end::in_doubt, failures,
                fmt::format("{} within {} s: its contacts are in doubt for as long again", why, longest));
}

bulk_job::wait bulk_job::finish(const persistence::bulk_job& job, int failures, const acoustic::job_state& state,
                                const std::stop_token& stop) {
    if (acoustic::is_plain_file_name(state.error_file)) {
        if (const auto noted = jobs_.note_file(job.id, path_of_download(state.error_file)); !noted) return noted.error();
    }
    if (!state.valid) return fail(job, bulk_end::by_call, failures, "the vendor does not say how many rows it accepted");
    const auto refused = std::max({std::int64_t{0}, job.contacts - *state.valid, state.bad});
    if (refused > 0) {
        const auto unclear = unmark_refused(job, state, refused, stop);
        if (!unclear) return unclear.error();
        if (stop.stop_requested()) return options_.look;
        if (*unclear) return fail(job, bulk_end::by_call, failures, **unclear);
    }
    if (const auto ended = end(job, bulk_end::imported, std::nullopt); !ended) return ended.error();
    report(job, {"imported", job.contacts - refused, refused, static_cast<double>(job.asked->count())}, {});
    return std::chrono::milliseconds(0);
}

result<std::optional<std::string>> bulk_job::unmark_refused(const persistence::bulk_job& job, const acoustic::job_state& state,
                                                            std::int64_t refused, const std::stop_token& stop) {
    using answer = std::optional<std::string>;
    if (refused >= job.contacts) return answer("the vendor refused all rows");
    if (state.error_file.empty()) return answer(fmt::format("the vendor refused {} rows and names no file that lists them", refused));
    const auto listed = files_.download(state.error_file, longest_error_file, stop);
    if (!listed) return answer(fmt::format("the list of {} refused rows cannot be read: {}", refused, listed.error().detail));
    const auto ids = acoustic::uuids_in(*listed);
    std::int64_t found = 0;
    for (std::span<const uuid> left(ids); !left.empty();) {
        const auto part = left.first(std::min<std::size_t>(left.size(), contacts_of_a_statement));
        left = left.subspan(part.size());
        const auto unmarked = jobs_.unmark(job.id, part);
        if (!unmarked) return unmarked.error();
        found += static_cast<std::int64_t>(*unmarked);
    }
    if (found >= refused) return answer();
    return answer(fmt::format("the vendor refused {} rows, and its list names {} of them", refused, found));
}

bulk_job::wait bulk_job::fail(const persistence::bulk_job& job, bulk_end how, int failures, std::string_view why) {
    constexpr int most_doublings = 20;
    const auto doubled = options_.first_pause * (std::int64_t{1} << std::min(failures, most_doublings));
    if (const auto ended = end(job, how, with_jitter(std::min(doubled, options_.longest_pause))); !ended) return ended.error();
    const bool was_asked = job.asked.has_value();
    report(job,
           {was_asked ? "failed" : "given_up", 0, was_asked ? job.contacts : 0, was_asked ? static_cast<double>(job.asked->count()) : 0},
           why);
    return options_.look;
}

result<void> bulk_job::end(const persistence::bulk_job& job, bulk_end how, const std::optional<std::chrono::milliseconds>& pause) {
    for (std::size_t released = contacts_of_a_statement; released == contacts_of_a_statement;) {
        const auto done = jobs_.release(job.id, how, contacts_of_a_statement, options_.longest);
        if (!done) return done.error();
        released = *done;
    }
    const auto ended = jobs_.end(holder_, job.id, pause);
    if (!ended) return ended.error();
    (void)remove_files({}); // if the database fails, the next step tries again
    return {};
}

result<void> bulk_job::remove_files(const std::stop_token& stop) {
    constexpr int most = 3; // each takes some seconds at most
    const auto left = jobs_.left_files(most);
    if (!left) return left.error();
    for (const auto& path : *left) {
        if (stop.stop_requested()) break;
        const auto why = why_not_removed(path);
        const auto noted = why ? jobs_.not_removed(path, options_.removal_pause) : jobs_.removed(path);
        if (!noted) return noted.error();
        if (!why) continue;
        mozlog::fields members;
        members.add("file", path).add("error", privacy::redact_text(*why));
        log_.log(mozlog::severity::warning, log_type, members, "A file of a bulk job could not be removed from the vendor's server");
    }
    return {};
}

std::optional<std::string> bulk_job::why_not_removed(const std::string& path) {
    try {
        const auto removed = files_.remove(path);
        return removed ? std::nullopt : std::optional(removed.error().detail);
    } catch (const std::exception& caught) {
        return caught.what();
    }
}

void bulk_job::report(const persistence::bulk_job& job, const bulk_result& outcome, std::string_view why) {
    auto members = fields_of(job);
    members.add("outcome", outcome.outcome).add("contacts", job.contacts).add("imported", outcome.imported).add("refused", outcome.refused);
    members.add_seconds("duration_s", outcome.seconds);
    const bool is_good = why.empty();
    if (!is_good) members.add("error", privacy::redact_text(why));
    log_.log(is_good ? mozlog::severity::info : mozlog::severity::error, log_type, members,
             is_good ? "A bulk job has ended" : "A bulk job failed: its contacts are sent by single calls");
    if (options_.on_end) options_.on_end(outcome);
}

result<bool> bulk_job::take_slot(const std::stop_token& stop) {
    constexpr std::chrono::seconds longest{30}; // others give slots back within about a second, when their calls have ended
    constexpr std::chrono::milliseconds pause{50};
    const auto until = clock::now() + longest;
    while (!stop.stop_requested() && clock::now() < until) {
        const auto taken = slots_.take(holder_, 1, options_.lease);
        if (!taken) return taken.error();
        if (*taken > 0) return true;
        if (const auto said = slots_.wait_for(holder_); !said) return said.error();
        std::this_thread::sleep_for(pause);
    }
    return false;
}

} // namespace ctms::service
