// SPDX-License-Identifier: MPL-2.0
#include "push_gateway.hpp"

#include <chrono>
#include <exception>
#include <utility>

namespace ctms::sync_app {
namespace {

using namespace std::chrono_literals;

constexpr auto shortest_interval = 1s;

} // namespace

push_gateway::push_gateway(std::string_view url, std::function<std::string()> metrics, std::function<void(std::string_view)> failed)
    : client_(url, {.timeout = 5s}),
      metrics_(std::move(metrics)),
      failed_(std::move(failed)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

push_gateway::~push_gateway() {
    thread_.request_stop();
    thread_.join();
}

void push_gateway::push_soon() {
    const std::lock_guard lock(mutex_);
    is_wanted_ = true;
    changed_.notify_all();
}

void push_gateway::run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        changed_.wait(lock, stop, [this] { return is_wanted_; });
        if (!std::exchange(is_wanted_, false)) continue;
        lock.unlock();
        push();
        lock.lock();
        changed_.wait_for(lock, stop, shortest_interval, [] { return false; });
    }
    if (is_wanted_) push();
}

void push_gateway::push() noexcept {
    try {
        const auto answer = client_.send({.method = "PUT",
                                          .target = "/metrics/job/prometheus-pushgateway",
                                          .headers = {{"Content-Type", "text/plain; version=0.0.4"}},
                                          .body = metrics_()});
        if (!answer) return failed_(answer.error().detail);
        if (answer->status / 100 != 2) failed_("the push gateway answered " + std::to_string(answer->status));
    } catch (const std::exception&) { // not enough memory; the next cycle pushes again
    }
}

} // namespace ctms::sync_app
