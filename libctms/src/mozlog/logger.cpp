// SPDX-License-Identifier: MPL-2.0
#include <ctms/mozlog/logger.hpp>

#include "mozlog/clean.hpp"
#include "mozlog/format.hpp"

#include <ctms/base/host_name.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace ctms::mozlog {
namespace {

using namespace std::chrono_literals;

constexpr auto gathering_time = 5ms; // lines are written together, because a wakeup and a write for each would cost more than the line
constexpr auto drain_limit = 5s;
constexpr auto give_up_limit = 500ms; // more than enough time for a sink to return after give_up

options completed(options opts) {
    if (opts.hostname.empty()) opts.hostname = host_name();
    if (opts.hostname.empty()) opts.hostname = "localhost";
    opts.hostname = clean_text(opts.hostname);
    opts.logger_name = clean_text(opts.logger_name);
    return opts;
}

// The new thread inherits the signal mask. With all signals blocked, the program's handlers run in its other threads,
// and a reader that has closed the pipe causes an error of write(2) instead of SIGPIPE.
template <class Function>
std::thread thread_without_signals(Function run) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread started(std::move(run));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

// The state that the callers and the writer thread share. The thread has its own reference, because it outlives the logger
// if a sink never returns.
class shared_state {
public:
    shared_state(options opts, std::unique_ptr<sink> out) : opts_(completed(std::move(opts))), out_(std::move(out)) {}

    const options& opts() const noexcept { return opts_; }
    std::uint64_t dropped() const noexcept { return dropped_; }

    std::string format(const record& what) const { return opts_.json ? json_line(what, opts_, pid_) : console_line(what, opts_.color); }

    void enqueue(std::string_view line) {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() + line.size() > opts_.queue_bytes) {
            ++dropped_;
            if (waiting_.empty() && dropped_unreported_ == 0) work_.notify_one();
            ++dropped_unreported_;
            return;
        }
        append(line);
    }

    bool flush(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex_);
        urgent_ = true;
        work_.notify_one();
        const auto target = queued_bytes_;
        return progress_.wait_for(lock, limit, [&] { return written_bytes_ >= target; });
    }

    // Returns true if the writer thread has finished or given up, so that it only has to be joined.
    bool finish() {
        std::unique_lock lock(mutex_);
        ending_ = true;
        work_.notify_one();
        const auto finished = [&] { return finished_; };
        if (progress_.wait_for(lock, drain_limit, finished)) return true;
        abandoned_ = true;
        lock.unlock();
        out_->give_up();
        lock.lock();
        return progress_.wait_for(lock, give_up_limit, finished);
    }

    void run_writer() {
        std::string batch;
        while (take(batch)) {
            const auto lines = line_count(batch);
            const auto lost = std::min(write(batch), lines);
            const std::lock_guard lock(mutex_);
            written_bytes_ += batch.size();
            note_lost(lost, lost == lines);
            progress_.notify_all();
        }
        const std::lock_guard lock(mutex_);
        finished_ = true;
        progress_.notify_all();
    }

private:
    // Returns how many lines are lost. An exception must not end the process.
    std::size_t write(std::string_view batch) noexcept {
        try {
            return out_->write(batch);
        } catch (const std::exception&) {
            return line_count(batch);
        }
    }
    static std::size_t line_count(std::string_view lines) noexcept {
        return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    }

    // The caller must hold the lock. Reports lost lines only after the sink has written others, because it would lose the report too.
    // A report that is lost is not counted, but what it said is reported again.
    void note_lost(std::size_t lines, bool is_whole_batch) noexcept {
        const auto reported = std::exchange(reported_in_batch_, 0);
        if (lines == 0) {
            dropped_unreported_ += std::exchange(lost_unreported_, 0);
            return;
        }
        const bool report_is_lost = reported != 0 && is_whole_batch;
        if (report_is_lost) --lines;
        dropped_ += lines;
        lost_unreported_ += lines + (report_is_lost ? reported : 0);
    }

    // The caller must hold the lock. Wakes the writer for the first line, and when the queue becomes half full.
    void append(std::string_view line) {
        const auto half = opts_.queue_bytes / 2;
        const bool fills = waiting_.size() < half && waiting_.size() + line.size() >= half;
        if (waiting_.empty() || fills) work_.notify_one();
        waiting_ += line;
        queued_bytes_ += line.size();
    }

    // Takes all waiting lines; returns false if the writer must end.
    bool take(std::string& batch) {
        std::unique_lock lock(mutex_);
        batch.clear();
        const auto any = [&] { return !waiting_.empty() || dropped_unreported_ != 0; };
        work_.wait(lock, [&] { return any() || ending_; });
        work_.wait_for(lock, gathering_time, [&] { return ending_ || urgent_ || waiting_.size() >= opts_.queue_bytes / 2; });
        urgent_ = false;
        if (!any() || abandoned_) return false;
        if (waiting_.empty()) report_loss(); // the batch then consists of the report
        std::swap(batch, waiting_);
        reported_in_batch_ = std::exchange(reported_in_waiting_, 0);
        report_loss();
        return !batch.empty() || !waiting_.empty() || !ending_;
    }

    // The caller must hold the lock, and nothing must be waiting. Without memory the report waits for the next attempt.
    void report_loss() noexcept {
        if (dropped_unreported_ == 0) return;
        try {
            append(loss_report(dropped_unreported_));
            reported_in_waiting_ = std::exchange(dropped_unreported_, 0);
        } catch (const std::exception&) { // tried again after the gathering time
        }
    }

    std::string loss_report(std::uint64_t lines) const {
        fields members;
        members.add("dropped", static_cast<std::int64_t>(lines));
        return format({std::chrono::system_clock::now(), severity::warning, "ctms.mozlog", members.json(), "log lines dropped"});
    }

    const options opts_;
    const int pid_ = ::getpid();
    const std::unique_ptr<sink> out_;
    std::atomic<std::uint64_t> dropped_ = 0;

    std::mutex mutex_; // guards the members below
    std::condition_variable work_;
    std::condition_variable progress_;
    std::string waiting_;
    std::uint64_t queued_bytes_ = 0;
    std::uint64_t written_bytes_ = 0;
    std::uint64_t dropped_unreported_ = 0;
    std::uint64_t lost_unreported_ = 0; // by the sink, since it last wrote a batch
    // The number in the report that is the first line of waiting_ or of the batch that is being written; 0 if there is none.
    std::uint64_t reported_in_waiting_ = 0;
    std::uint64_t reported_in_batch_ = 0;
    bool urgent_ = false; // a caller of flush() is waiting
    bool ending_ = false;
    bool abandoned_ = false;
    bool finished_ = false;
};

} // namespace

class logger::impl {
public:
    impl(options opts, std::unique_ptr<sink> out)
        : state_(std::make_shared<shared_state>(std::move(opts), std::move(out))),
          writer_(thread_without_signals([state = state_] { state->run_writer(); })) {}

    ~impl() {
        if (state_->finish()) {
            writer_.join();
        } else {
            writer_.detach();
        }
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    shared_state& state() const noexcept { return *state_; }

private:
    std::shared_ptr<shared_state> state_;
    std::thread writer_;
};

logger::logger(options opts, std::unique_ptr<sink> out) : impl_(std::make_unique<impl>(std::move(opts), std::move(out))) {}
logger::~logger() = default;

bool logger::enabled(severity level) const noexcept { return level <= impl_->state().opts().level; }

void logger::log(severity level, std::string_view type, const fields& members, std::string_view message) {
    if (!enabled(level)) return;
    const std::string clean_type = clean_text(type);
    const std::string clean_message = clean_text(message);
    const record line{std::chrono::system_clock::now(), level, clean_type, members.json(), clean_message};
    auto& state = impl_->state();
    state.enqueue(state.format(line));
    if (level <= severity::error && state.opts().on_error) state.opts().on_error(line);
}

bool logger::flush(std::chrono::milliseconds limit) { return impl_->state().flush(limit); }

std::uint64_t logger::dropped() const noexcept { return impl_->state().dropped(); }

} // namespace ctms::mozlog
