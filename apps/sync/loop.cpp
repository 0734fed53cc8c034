// SPDX-License-Identifier: MPL-2.0
#include "loop.hpp"

#include "health_file.hpp"

#include <support/exit_codes.hpp>
#include <support/http/memory.hpp>
#include <support/traceback.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>

namespace ctms::sync_app {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto log_type = "ctms.bin.acoustic_sync";
constexpr milliseconds poll_interval = 1s;
constexpr milliseconds slot_wait = 500ms; // another process gives half of its slots back within about a second
constexpr milliseconds first_database_wait = 500ms;
constexpr milliseconds longest_database_wait = 10s;

/// Waits for `time`, or until `stop` is requested.
void wait(milliseconds time, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, time, [] { return false; });
}

void add_count(mozlog::fields& members, std::string_view name, int count) {
    if (count != 0) members.add(name, count);
}

} // namespace

loop::loop(const config::settings& settings, work does, service::sync& sync, sync_metrics& metrics, mozlog::logger& log,
           std::function<void()> before_exit)
    : settings_(settings),
      does_(does),
      sync_(sync),
      metrics_(metrics),
      log_(log),
      before_exit_(std::move(before_exit)),
      alive_(clock::now()) {
    if (settings.prometheus_pushgateway_url) {
        gateway_ = std::make_unique<push_gateway>(
            *settings.prometheus_pushgateway_url, [this] { return metrics_.expose(); },
            [this](std::string_view reason) {
                mozlog::fields problem;
                problem.add("error", reason);
                log_.log(mozlog::severity::warning, log_type, problem, "The metrics could not be pushed");
            });
    }
    watchdog_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

loop::~loop() = default;

result<service::cycle_report> loop::run_cycles(const std::stop_token& stop, progress& so_far) {
    const auto ended = [&](const service::cycle_report& cycle) {
        mark_alive();
        report_cycle(cycle, 0ms);
        so_far.retried += cycle.retried;
        so_far.done += cycle.total;
    };
    try {
        auto report = does_ == work::send      ? sync_.run_while_due(stop, ended)
                      : does_ == work::discard ? sync_.discard_batch()
                                               : sync_.look();
        if (!report) return unavailable("The database failed in a cycle", report.error().detail);
        return report;
    } catch (const std::exception& caught) {
        return unavailable("A cycle failed", support::traceback_text(caught));
    }
}

std::optional<int> loop::step(const std::stop_token& stop, bool once, progress& so_far) {
    so_far.done = 0;
    const auto report = run_cycles(stop, so_far);
    mark_alive();
    if (!report) {
        mozlog::fields members;
        members.add("exception", report.error().detail)
            .add_seconds("retry_in_s", std::chrono::duration<double>(so_far.database_wait).count());
        log_.log(mozlog::severity::error, log_type, members, report.error().message);
        if (once) return support::unavailable;
        wait(so_far.database_wait, stop);
        so_far.database_wait = std::min(so_far.database_wait * 2, longest_database_wait);
        return std::nullopt;
    }
    so_far.database_wait = first_database_wait;
    const auto planned = planned_sleep(*report);
    if (once || is_worth_reporting(*report)) report_cycle(*report, planned);
    so_far.retried += report->retried;
    so_far.done += report->total;
    if (once && report->vendor_down) return support::temporary;
    const bool waits_for_retry = so_far.retried > 0 && report->sync_backlog > 0;
    if (once && so_far.done == 0 && !report->no_slot) return waits_for_retry ? support::temporary : support::ok;
    if (!once || report->no_slot) sleep(planned, stop);
    return std::nullopt;
}

int loop::run(const std::stop_token& stop, bool once) {
    constexpr milliseconds pause = 1s;
    progress so_far{first_database_wait};
    mark_alive();
    while (!stop.stop_requested()) {
        http::set_memory_aside_again();
        try {
            if (const auto code = step(stop, once, so_far)) return *code;
        } catch (const std::exception&) { // memory ran out while the cycle was reported, and may be too short for a line in the log
            if (once) return support::unavailable;
            std::this_thread::sleep_for(pause);
        }
    }
    return support::ok;
}

milliseconds loop::planned_sleep(const service::cycle_report& report) const {
    // After a cycle that did nothing, the next one would do nothing either.
    const auto least = report.total == 0 ? poll_interval : milliseconds(0);
    if (const auto probe = sync_.next_probe()) return std::max(std::chrono::ceil<milliseconds>(*probe - clock::now()), least);
    if (report.no_slot) return slot_wait;
    if (report.full) return least;
    const auto took = std::chrono::duration_cast<milliseconds>(report.took);
    return std::max<milliseconds>(std::chrono::seconds(settings_.acoustic_loop_min_secs) - took, least);
}

bool loop::is_worth_reporting(const service::cycle_report& report) const {
    const auto interval = std::max<milliseconds>(std::chrono::seconds(settings_.acoustic_loop_min_secs), poll_interval);
    return report.total > 0 || !last_report_ || clock::now() - *last_report_ >= interval;
}

void loop::sleep(milliseconds time, const std::stop_token& stop) {
    const auto end = clock::now() + time;
    for (auto left = time; left > 0ms && !stop.stop_requested(); left = std::chrono::duration_cast<milliseconds>(end - clock::now())) {
        wait(std::min(left, poll_interval), stop);
        alive_ = clock::now();
        if (does_ != work::send || sync_.next_probe()) continue;
        if (const auto due = sync_.any_due(); due && *due) return;
    }
}

void loop::report_cycle(const service::cycle_report& report, milliseconds sleep) {
    mozlog::fields members;
    members.add_seconds("loop_duration_s", report.took.count())
        .add_seconds("loop_sleep_s", std::chrono::duration<double>(sleep).count())
        .add("batch_limit", settings_.acoustic_batch_limit)
        .add("retry_limit", settings_.acoustic_retry_limit)
        .add("end_time", "now")
        .add("sync_backlog", report.sync_backlog)
        .add("retry_backlog", report.retry_backlog)
        .add("count_total", report.total);
    add_count(members, "count_synced", report.synced);
    add_count(members, "count_retry", report.retried);
    add_count(members, "count_exception", report.failed);
    add_count(members, "count_skipped", report.skipped);
    if (report.total == 0) members.add("trivial", true);
    if (report.vendor_down) members.add("vendor_down", true);
    log_.log(mozlog::severity::info, log_type, members, "sync_service cycle complete");
    metrics_.cycle_ended(report);
    last_report_ = clock::now();
    if (gateway_) gateway_->push_soon();
}

void loop::mark_alive() {
    alive_ = clock::now();
    if (!settings_.background_healthcheck_path) return;
    if (const auto written = write_health(*settings_.background_healthcheck_path, ctms::now()); !written) {
        mozlog::fields problem;
        problem.add("error", written.error().detail);
        log_.log(mozlog::severity::error, log_type, problem, written.error().message);
    }
}

// Ends the process if a call or a statement hangs in spite of its deadline, so that it can be restarted.
void loop::watch(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        wait(poll_interval, stop);
        const auto last = std::max(alive_.load(), sync_.last_progress());
        if (clock::now() - last < settings_.background_watchdog) continue;
        try {
            log_.log(mozlog::severity::critical, log_type, "The cycle makes no progress: ending this process");
            (void)log_.flush(1s);
            before_exit_();
        } catch (const std::exception&) { // not enough memory to log
        }
        std::_Exit(support::internal);
    }
}

} // namespace ctms::sync_app
