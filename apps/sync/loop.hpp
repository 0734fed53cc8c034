// SPDX-License-Identifier: MPL-2.0
// The loop of ctms-sync: cycles, each with its log line, its metrics and its mark in the health file, and the sleep
// between them. For one thread.
#pragma once

#include "sync_metrics.hpp"

#include <ctms/config/settings.hpp>
#include <ctms/mozlog/logger.hpp>
#include <ctms/net/push_gateway.hpp>
#include <ctms/service/sync.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>

namespace ctms::sync_app {

class loop {
public:
    loop(const config::settings& settings, service::sync& sync, sync_metrics& metrics, mozlog::logger& log);
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// Runs until `stop`, or, with `once`, until nothing more is due. The exit code: with `once` 75 when the vendor was
    /// down or a contact is to be tried again, 69 when the database was down.
    [[nodiscard]] int run(const std::stop_token& stop, bool once);

private:
    [[nodiscard]] std::chrono::milliseconds planned_sleep(const service::cycle_report& report) const;
    void report_cycle(const service::cycle_report& report, std::chrono::milliseconds sleep);
    void mark_alive();
    void sleep(std::chrono::milliseconds time, const std::stop_token& stop);
    void watch(const std::stop_token& stop);

    const config::settings& settings_;
    service::sync& sync_;
    sync_metrics& metrics_;
    mozlog::logger& log_;
    std::unique_ptr<net::push_gateway> gateway_;
    std::atomic<std::chrono::steady_clock::time_point> alive_;
    std::jthread watchdog_; ///< last: it uses the others
};

} // namespace ctms::sync_app
