// SPDX-License-Identifier: MPL-2.0
// The main loop of ctms-sync. It runs cycles with pauses in between; after each cycle it writes a log line, updates the
// metrics and updates the health file. Not thread safe.
#pragma once

#include "push_gateway.hpp"
#include "sync_metrics.hpp"

#include <ctms/mozlog/logger.hpp>
#include <support/config/settings.hpp>

#include <ctms/service/sync.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

namespace ctms::sync_app {

class loop {
public:
    /// What the loop does with the queue.
    enum class work {
        send,    ///< sends the contacts
        discard, ///< removes them without sending, and remembers them
        wait     ///< leaves them there
    };

    /// `before_exit` is called when the watchdog ends the process, which it must not delay for long.
    loop(const config::settings& settings, work does, service::sync& sync, sync_metrics& metrics, mozlog::logger& log,
         std::function<void()> before_exit);
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// Runs until `stop` is requested or, with `once`, until nothing more is due. Returns the exit code: with `once`, 75 if the
    /// vendor was down or a contact must be tried again, and 69 if the database was down or memory or threads ran out.
    [[nodiscard]] int run(const std::stop_token& stop, bool once);

private:
    /// What one step of run() leaves to the next.
    struct progress {
        std::chrono::milliseconds database_wait;
        int retried = 0;
        int done = 0; ///< contacts of the step
    };
    /// Runs cycles until nothing is due, reports each but the last, and returns the last one. Running out of memory or threads fails the
    /// cycle, but does not end the process. The error is for the log.
    [[nodiscard]] result<service::cycle_report> run_cycles(const std::stop_token& stop, progress& so_far);
    /// Runs cycles, reports them and waits. Returns the exit code if the loop ends.
    [[nodiscard]] std::optional<int> step(const std::stop_token& stop, bool once, progress& so_far);
    [[nodiscard]] std::chrono::milliseconds planned_sleep(const service::cycle_report& report) const;
    /// False for a cycle that did nothing, shortly after a report.
    [[nodiscard]] bool is_worth_reporting(const service::cycle_report& report) const;
    void report_cycle(const service::cycle_report& report, std::chrono::milliseconds sleep);
    void mark_alive();
    void sleep(std::chrono::milliseconds time, const std::stop_token& stop);
    void watch(const std::stop_token& stop);

    const config::settings& settings_;
    const work does_;
    service::sync& sync_;
    sync_metrics& metrics_;
    mozlog::logger& log_;
    const std::function<void()> before_exit_;
    std::unique_ptr<push_gateway> gateway_;
    std::optional<std::chrono::steady_clock::time_point> last_report_;
    std::atomic<std::chrono::steady_clock::time_point> alive_;
    std::jthread watchdog_; ///< last, because it uses the other members
};

} // namespace ctms::sync_app
