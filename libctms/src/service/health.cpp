// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/health.hpp>

#include <ctms/persistence/database.hpp>
#include <persistence/contacts/change_feed.hpp>
#include <persistence/contacts/erasure_repository.hpp>
#include <persistence/contacts/id_usage.hpp>
#include <persistence/stripe/parked_repository.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

#include <exception>

namespace ctms::service {
namespace {

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
    return std::chrono::round<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

} // namespace

health::health(persistence::database& db) : db_(db), worker_([this](const std::stop_token& stop) { work(stop); }) {}

health::~health() {
    worker_.request_stop();
    changed_.notify_all();
}

health_report health::check(std::chrono::steady_clock::time_point asked, std::chrono::steady_clock::time_point until) {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    if (done_ > 0 && last_ended_ > asked) return last_;
    if (wanted_ == done_) {
        ++wanted_;
        changed_.notify_all();
    }
    const auto mine = wanted_;
    if (changed_.wait_until(lock, until, [&] { return done_ >= mine; })) return last_;
    health_report out;
    out.database_time = since(start);
    return out;
}

void health::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [&] { return wanted_ > done_; })) {
        const auto probing = wanted_;
        lock.unlock();
        health_report report;
        try {
            report = probe();
        } catch (const std::exception&) { // out of memory: reports that the database is down
        }
        lock.lock();
        last_ = report;
        last_ended_ = std::chrono::steady_clock::now();
        done_ = probing;
        changed_.notify_all();
    }
}

health_report health::probe() {
    health_report out;
    const auto start = std::chrono::steady_clock::now();
    out.database_up = db_.ping().has_value();
    out.database_time = since(start);
    if (!out.database_up) return out;
    const auto counting = std::chrono::steady_clock::now();
    if (const auto counts = persistence::sync_queue_repository(db_).count()) out.queue = *counts;
    out.queue_time = since(counting);
    if (const auto delay = persistence::change_feed(db_).delay()) out.changes_delay = *delay;
    if (const auto parked = persistence::parked_repository(db_).count()) out.stripe_parked = *parked;
    if (const auto pending = persistence::erasure_repository(db_).count_pending()) out.erasures = *pending;
    if (auto ids = persistence::read_id_usage(db_)) out.ids = *std::move(ids);
    return out;
}

} // namespace ctms::service
