// SPDX-License-Identifier: MPL-2.0
#include "top_reader.hpp"

#include <ctms/service/sync_admin.hpp>

#include <fmt/core.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <future>
#include <new>
#include <stdexcept>
#include <utility>

namespace ctms::cli {
namespace {

using namespace std::chrono_literals;

constexpr int errors_shown = 10;

net::http_options quick() {
    net::http_options out;
    out.timeout = 2s;
    out.longest_body = std::size_t{64} << 20U;
    return out;
}

persistence::database_options quick(persistence::database_options options) {
    options.pool_size = 1;
    options.max_overflow = 0;
    options.pool_timeout = 1s;
    options.connect_timeout = 2s;
    options.statement_timeout = 2s;
    options.lock_timeout = 1s;
    return options;
}

reading<metrics_text> read_metrics(net::http_client& from) {
    const auto answer = from.send({.method = "GET", .target = "/metrics"});
    if (!answer) return {std::nullopt, answer.error().detail};
    if (answer->status != 200) return {std::nullopt, fmt::format("GET /metrics returns {}", answer->status)};
    auto parsed = metrics_text::parse(answer->body);
    if (!parsed) return {std::nullopt, parsed.error().message};
    return {std::move(*parsed), {}};
}

reading<queue_reading> read_queue(persistence::database& db) {
    service::sync_admin queue(db);
    auto status = queue.status();
    if (!status) return {std::nullopt, "it does not answer, or its schema is not up to date; see ctms-admin db status"};
    auto parked = queue.parked(errors_shown);
    if (!parked) return {std::nullopt, "it does not answer; see ctms-admin db status"};
    return {queue_reading{std::move(*status), std::move(*parked)}, {}};
}

} // namespace

top_reader::top_reader(std::string url, std::string sync_url, const persistence::database_options& database)
    : url_(std::move(url)), sync_url_(std::move(sync_url)), web_(url_, quick()), database_(quick(database)) {
    if (!sync_url_.empty()) sync_.emplace(sync_url_, quick());
}

snapshot top_reader::read() {
    snapshot out;
    out.url = url_;
    out.sync_url = sync_url_;
    auto queue = std::async(std::launch::async, [&] { return read_queue(database_); });
    std::future<reading<metrics_text>> sync;
    if (sync_) sync = std::async(std::launch::async, [&] { return read_metrics(*sync_); });
    out.web = read_metrics(web_);
    // The time when the counters were read, from which rates are computed.
    out.taken_at = std::chrono::steady_clock::now();
    out.time = now();
    if (sync_) out.sync = sync.get();
    out.queue = queue.get();
    return out;
}

top_feed::top_feed(top_reader& reader, std::chrono::milliseconds interval)
    : reader_(reader), interval_(interval), ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (ready_ < 0) throw std::runtime_error("an event cannot be created");
    worker_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

top_feed::~top_feed() {
    worker_.request_stop();
    if (worker_.joinable()) worker_.join();
    ::close(ready_);
}

std::optional<top_view> top_feed::take() {
    std::uint64_t count = 0;
    if (::read(ready_, &count, sizeof count) < 0) return std::nullopt; // there is no new view
    const std::scoped_lock lock(mutex_);
    return std::exchange(newest_, std::nullopt);
}

snapshot top_feed::read() {
    try {
        return reader_.read();
    } catch (const std::exception& caught) { // no more memory or threads; the next reading may succeed
        snapshot out;
        out.web.problem = out.sync.problem = out.queue.problem = caught.what();
        out.taken_at = std::chrono::steady_clock::now();
        out.time = now();
        return out;
    }
}

void top_feed::work(const std::stop_token& stop) {
    std::optional<snapshot> before;
    while (!stop.stop_requested()) {
        try {
            auto now = read();
            auto view = compare(before.value_or(now), now);
            before = std::move(now);
            const std::lock_guard lock(mutex_);
            newest_ = std::move(view);
            const std::uint64_t one = 1;
            if (::write(ready_, &one, sizeof one) < 0) return; // never happens, because the counter cannot overflow
        } catch (const std::bad_alloc&) {                      // the next reading may succeed
        }
        std::unique_lock lock(mutex_);
        stopping_.wait_for(lock, stop, interval_, [] { return false; });
    }
}

} // namespace ctms::cli
