// SPDX-License-Identifier: MPL-2.0
#include "pool.hpp"

#include <boost/throw_exception.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <random>
#include <thread>

namespace ctms::persistence {

using kind = sql_error::kind;

pool::pool(database_options options) : options_(std::move(options)), watcher_([this](const std::stop_token& stop) { watch(stop); }) {}

void pool::watch(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds pause{250};
    constexpr std::chrono::milliseconds grace{2000}; // the server itself ends statements at their timeout
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        stopping_.wait_for(lock, stop, pause, [] { return false; });
        if (options_.statement_timeout.count() == 0) continue;
        for (auto* one : leased_) one->cut_if_stuck(options_.statement_timeout + grace);
    }
}

pool::lease::lease(pool& owner, std::unique_ptr<connection> held) : owner_(&owner), held_(std::move(held)) {}

pool::lease::~lease() {
    if (held_) owner_->give_back(std::move(held_));
}

bool pool::fresh(const connection& one) const {
    return std::chrono::steady_clock::now() - one.opened_at() < options_.pool_recycle && one.usable();
}

pool::lease pool::acquire() {
    connections discarded; // closed after the lock is released
    auto held = wait_for_turn(discarded);
    if (!held) held = open();
    held->start_lease();
    lease out(*this, std::move(held)); // gives the connection back if memory runs out
    const std::lock_guard lock(mutex_);
    leased_.insert(out.operator->());
    return out;
}

std::unique_ptr<connection> pool::wait_for_turn(connections& discarded) {
    std::unique_lock lock(mutex_);
    const auto limit = std::max(1, options_.pool_size + options_.max_overflow);
    ++waiting_;
    const bool my_turn =
        freed_.wait_until(lock, std::chrono::steady_clock::now() + options_.pool_timeout, [&] { return !idle_.empty() || open_ < limit; });
    --waiting_;
    if (!my_turn) {
        boost::throw_with_location(sql_error(kind::connection, "", "", "no database connection became free within the pool's timeout"));
    }
    try {
        discarded.reserve(idle_.size());
    } catch (const std::bad_alloc&) {
        freed_.notify_one(); // the turn goes to another thread
        throw;
    }
    while (!idle_.empty()) {
        auto one = std::move(idle_.back());
        idle_.pop_back();
        if (fresh(*one)) return one;
        --open_;
        discarded.push_back(std::move(one));
    }
    ++open_;
    return nullptr;
}

std::unique_ptr<connection> pool::open() {
    try {
        return std::make_unique<connection>(options_);
    } catch (...) {
        {
            const std::lock_guard lock(mutex_);
            --open_;
        }
        freed_.notify_one();
        throw;
    }
}

void pool::give_back(std::unique_ptr<connection> held) noexcept {
    held->rollback();
    const bool usable = held->usable();
    connections discarded; // closed after the lock is released, like `held` if it is not kept
    std::size_t closed = 0;
    {
        const std::lock_guard lock(mutex_);
        leased_.erase(held.get());
        // If one connection breaks, the server is probably gone and the idle connections are broken too.
        if (!usable) discarded.swap(idle_);
        try {
            const bool keep = usable && static_cast<int>(idle_.size()) < options_.pool_size;
            if (keep) idle_.push_back(std::move(held));
        } catch (const std::bad_alloc&) { // `held` was not moved
        }
        closed = discarded.size() + (held ? 1 : 0);
        open_ -= static_cast<int>(closed);
    }
    if (closed > 1) {
        freed_.notify_all();
    } else {
        freed_.notify_one();
    }
}

pool_state pool::state() const {
    const std::lock_guard lock(mutex_);
    return {open_, open_ - static_cast<int>(idle_.size()), waiting_};
}

bool retries::allow(const sql_error& failure, const connection* held) {
    if (held == nullptr || held->has_committed()) return false;
    switch (failure.reason()) {
    case kind::connection:
    case kind::shutdown: return ++lost_ <= 1;
    case kind::retryable: return ++conflicts_ <= 3;
    default: return false;
    }
}

// Transactions that collided must not try again at the same moment.
void retries::pause() const {
    if (conflicts_ == 0) return;
    std::minstd_rand random(std::random_device{}());
    std::uniform_int_distribution<int> milliseconds(1, 10 * (1 << conflicts_));
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
}

namespace {

struct outside_view {
    refusal told;
    const char* metric;
};

// Raised by the trigger of migration 19 that refuses to delete a contact under a legal hold.
constexpr std::string_view held_state = "ZHOLD";
constexpr outside_view under_hold{{errc::conflict, told_of_hold}, "conflict"};

outside_view view_of(kind what, const refusal& given_up) {
    switch (what) {
    case kind::connection:
    case kind::shutdown: return {try_later, "connection"};
    case kind::in_doubt: return {{errc::outcome_unknown, "The outcome of the write is unknown"}, "connection"};
    case kind::unique: return {{errc::conflict, "A unique value is already in use"}, "conflict"};
    case kind::retryable: return {given_up, "conflict"};
    case kind::timeout: return {try_later, "timeout"};
    case kind::bad_value: return {{errc::invalid, "A value cannot be stored"}, "other"};
    case kind::forbidden: return {{errc::misconfigured, try_later.message}, "other"};
    case kind::other: break;
    }
    return {try_later, "other"};
}

} // namespace

error to_error(const sql_error& failure, metrics::recorder& recorder, const refusal& given_up) {
    const auto view = failure.sqlstate() == held_state ? under_hold : view_of(failure.reason(), given_up);
    recorder.database_error(view.metric);
    std::string detail = failure.what();
    if (!failure.sqlstate().empty()) detail += " [SQLSTATE " + failure.sqlstate() + "]";
    if (!failure.constraint().empty()) detail += " [constraint " + failure.constraint() + "]";
    if (failure.reason() == kind::forbidden)
        detail += "; `ctms-admin db grants` prints the statements that grant the programs their rights";
    if (const auto where = boost::get_throw_location(failure); where.line() != 0)
        detail += fmt::format(" (sql_error thrown at {}:{})", where.file_name(), where.line());
    return {view.told.code, view.told.message, std::move(detail), {}, {}};
}

} // namespace ctms::persistence
