// SPDX-License-Identifier: MPL-2.0
#include "migration_session.hpp"

#include "blockers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace ctms::persistence {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 50ms;     // shorter than the lock timeout, during which the blocking sessions can be seen
constexpr auto calm_after = 1s;       // then once in a second is enough
constexpr auto report_after = 2s;     // shorter waits are not worth a line
constexpr auto between_reports = 10s; // so that a long wait does not fill a log
constexpr auto stop_is_noticed_within = 50ms;

const statement read_blockers{"migration_blockers", std::string(select_session) + " where pid = any(pg_blocking_pids($1::integer))"};

} // namespace

migration_session::migration_session(const database_options& options, const migrate_options& wanted)
    : options_(options), wanted_(wanted), link_(options), watcher_([this](const std::stop_token& stop) { watch(stop); }) {}

void migration_session::stop_if_requested() const {
    if (wanted_.stop && wanted_.stop()) throw stop_requested();
}

rows migration_session::execute(const std::string& sql) {
    stop_if_requested();
    {
        const std::lock_guard lock(mutex_);
        busy_since_ = clock::now();
    }
    const auto done = [&] {
        const std::lock_guard lock(mutex_);
        busy_since_.reset();
    };
    try {
        auto answer = link_.execute(sql);
        done();
        return answer;
    } catch (const sql_error&) {
        done();
        stop_if_requested();
        throw;
    }
}

void migration_session::sleep(std::chrono::milliseconds how_long) const {
    for (const auto until = clock::now() + how_long; clock::now() < until;) {
        stop_if_requested();
        std::this_thread::sleep_for(std::min<clock::duration>(stop_is_noticed_within, until - clock::now()));
    }
}

void migration_session::begin_work(std::string name) {
    auto pid = std::string(link_.execute("select pg_backend_pid()").text(0, 0));
    const std::lock_guard lock(mutex_);
    pid_ = std::move(pid);
    work_ = std::move(name);
    blockers_.clear();
    last_report_ = {};
}

std::string migration_session::blockers() {
    const std::lock_guard lock(mutex_);
    return blockers_;
}

void migration_session::report(const std::string& line) {
    const std::lock_guard lock(reporting_);
    if (wanted_.report) wanted_.report(line);
}

// On a connection of its own and without a transaction: an index that is built concurrently waits for all older snapshots.
void migration_session::watch(const std::stop_token& stop) {
    auto quick = options_;
    quick.statement_timeout = quick.lock_timeout = calm_after;
    std::unique_ptr<connection> eyes;
    clock::time_point last_look;
    while (!stop.stop_requested()) {
        std::chrono::milliseconds busy_for{0};
        {
            std::unique_lock lock(mutex_);
            stopping_.wait_for(lock, stop, look_every, [] { return false; });
            if (busy_since_) busy_for = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - *busy_since_);
        }
        if (busy_for < look_every) continue;
        if (wanted_.stop && wanted_.stop()) link_.cancel();
        if (busy_for > calm_after && clock::now() - last_look < calm_after) continue;
        last_look = clock::now();
        try {
            if (!eyes) eyes = std::make_unique<connection>(quick);
            look(*eyes, busy_for);
        } catch (const std::exception&) { // only the names are missing then
            eyes.reset();
        }
    }
}

void migration_session::look(connection& eyes, std::chrono::milliseconds busy_for) {
    std::string pid;
    {
        const std::lock_guard lock(mutex_);
        pid = pid_;
    }
    const auto found = describe_sessions(eyes.query(read_blockers, {pid}));
    if (found.empty()) return;
    std::string line;
    {
        const std::lock_guard lock(mutex_);
        blockers_ = found;
        if (busy_for > report_after && clock::now() - last_report_ > between_reports) {
            last_report_ = clock::now();
            line = fmt::format("{} has been waiting for {} s, holding up nobody: for {}", work_, busy_for.count() / 1000, found);
        }
    }
    if (!line.empty()) report(line);
}

} // namespace ctms::persistence
