// SPDX-License-Identifier: MPL-2.0
#include "embedded_migrations.hpp"
#include "migration_file.hpp"
#include "migration_session.hpp"
#include "preflight.hpp"
#include "schema_look.hpp"

#include <ctms/persistence/migrations.hpp>

#include <persistence/postgres/connection.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>

namespace ctms::persistence {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto first_pause = 250ms; // after a lock was not available: others that waited behind it catch up meanwhile
constexpr auto longest_pause = 4s;
constexpr auto between_progress = 2s;

// Sent by the simple protocol: the extended one keeps a portal, and so a snapshot, until the next statement of the transaction.
constexpr const char* try_lock = "select pg_try_advisory_xact_lock(hashtext('ctms_migrations'))";

constexpr const char* create_tables = "create table if not exists ctms_migrations ("
                                      " version integer not null constraint ctms_migrations_pkey primary key,"
                                      " name text not null,"
                                      " sha256 text not null,"
                                      " applied_at timestamptz not null default now(),"
                                      " adopted boolean not null default false);"
                                      // The oldest program that the schema serves since this migration; null: only programs that know it.
                                      "alter table ctms_migrations add column if not exists oldest_program integer;"
                                      // The steps of a migration that is under way.
                                      "create table if not exists ctms_migration_steps ("
                                      " version integer not null,"
                                      " step integer not null,"
                                      " sha256 text not null,"
                                      " constraint ctms_migration_steps_pkey primary key (version, step))";

const statement record{"schema_record", "insert into ctms_migrations (version, name, sha256, adopted, oldest_program)"
                                        " values ($1::integer, $2, $3, $4::boolean, $5::integer)"};
const statement record_step{"schema_record_step", "insert into ctms_migration_steps (version, step, sha256)"
                                                  " values ($1::integer, $2::integer, $3)"};
const statement forget_steps{"schema_forget_steps", "delete from ctms_migration_steps where version = $1::integer"};
const statement table_exists{"schema_table_exists", "select to_regclass($1) is not null"};

void remember(connection& link, const embedded_migration& what, bool adopted) {
    const auto oldest = read_migration(what.sql).oldest_program;
    link.query(record,
               {std::to_string(what.version), what.name, what.sha256, adopted ? "t" : "f",
                oldest ? parameter(std::to_string(*oldest)) : parameter()},
               true);
}

/// The time that all waiting for locks together may take.
class patience {
public:
    explicit patience(std::chrono::milliseconds limit) : left_(limit) {}
    /// Returns false if nothing is left.
    bool spend(clock::duration time) {
        left_ -= time;
        return left_ > 0ms;
    }

private:
    clock::duration left_;
};

class migrator {
public:
    migrator(migration_session& session, const migrate_options& how) : session_(session), how_(how), patience_(how.longest_wait) {}

    /// Creates the tables that record migrations. Marks the schema of the Python service as the first migration.
    void begin(bool adopts) {
        session_.begin_work(name());
        in_transaction([&] {
            session_.execute(create_tables);
            if (adopts) remember(session_.link(), embedded_migrations().front(), true);
        });
    }

    void apply(const embedded_migration& one) {
        const auto steps = read_migration(one.sql).steps;
        const auto finished = finished_steps(session_.link(), one);
        for (int number = 1; number <= static_cast<int>(steps.size()); ++number) {
            if (finished.contains(number)) continue;
            present_ = {&one, number, static_cast<int>(steps.size())};
            session_.begin_work(name());
            apply_step(steps[static_cast<std::size_t>(number) - 1]);
        }
    }

private:
    struct position {
        const embedded_migration* migration = nullptr;
        int number = 0;
        int count = 0;
    };

    [[nodiscard]] std::string name() const {
        if (present_.migration == nullptr) return "the beginning";
        return fmt::format("migration {:04} {}, step {} of {},", present_.migration->version, present_.migration->name, present_.number,
                           present_.count);
    }

    void apply_step(const migration_step& step) {
        switch (step.what) {
        case migration_step::kind::transaction:
            return in_transaction([&] {
                hold_off_vacuum(step.sql);
                session_.execute(std::string(step.sql));
                finish_step();
            });
        case migration_step::kind::batch: return apply_in_batches(std::string(step.sql));
        case migration_step::kind::outside: apply_lines(step.sql); return in_transaction([&] { finish_step(); });
        }
    }

    void finish_step() {
        const auto& one = *present_.migration;
        const auto version = std::to_string(one.version);
        if (present_.number < present_.count) {
            session_.link().query(record_step, {version, std::to_string(present_.number), one.sha256}, true);
        } else {
            session_.link().query(forget_steps, {version}, true);
            remember(session_.link(), one, false);
        }
    }

    void apply_in_batches(const std::string& sql) {
        std::size_t total = 0;
        auto last_report = clock::now();
        for (bool done = false; !done;) {
            std::size_t changed = 0;
            in_transaction([&] {
                changed = session_.execute(sql).affected();
                if (changed == 0) finish_step();
            });
            done = changed == 0;
            total += changed;
            if (done || clock::now() - last_report < between_progress) continue;
            last_report = clock::now();
            session_.report(fmt::format("{} has copied {} rows", name(), total));
        }
    }

    // Nobody has to wait for these statements while they wait, so they may wait for long.
    void apply_lines(std::string_view sql) {
        for (const auto line : lines_of(sql)) {
            const auto began = clock::now();
            try {
                session_.execute(std::string(line));
            } catch (const sql_error& failure) {
                if (!is_about_locks(failure)) throw;
                give_up();
            }
            if (clock::now() - began > between_progress) {
                session_.report(fmt::format("{} has built an index in {} s", name(),
                                            std::chrono::duration_cast<std::chrono::seconds>(clock::now() - began).count()));
            }
        }
    }

    static bool is_about_locks(const sql_error& failure) {
        return failure.sqlstate() == "55P03" || failure.reason() == sql_error::kind::retryable;
    }

    [[noreturn]] void give_up() {
        const auto blockers = session_.blockers();
        throw sql_error(sql_error::kind::timeout, "55P03", "",
                        fmt::format("{} could not get its locks in time. In the way: {}.", name(),
                                    blockers.empty() ? "sessions that could not be named" : blockers));
    }

    /// Commits `work`, which may run several times. Waits for a lock only for a short time, because others wait behind it, and tries again
    /// later.
    template <class Work>
    void in_transaction(Work work) {
        bool told = false;
        for (auto pause = std::chrono::milliseconds(first_pause);; pause = std::min<std::chrono::milliseconds>(2 * pause, longest_pause)) {
            const auto began = clock::now();
            try {
                session_.stop_if_requested();
                session_.link().begin();
                session_.execute(
                    fmt::format("set local lock_timeout = {}; set local client_min_messages = warning", how_.lock_timeout.count()));
                work();
                return session_.link().commit();
            } catch (const sql_error& failure) {
                session_.link().rollback();
                if (!is_about_locks(failure)) throw;
            } catch (...) {
                session_.link().rollback();
                throw;
            }
            if (pause == longest_pause && !told) {
                told = true;
                session_.report(fmt::format("{} waits for its lock, and holds up others only while it tries: in the way {}", name(),
                                            session_.blockers()));
            }
            session_.sleep(pause);
            if (!patience_.spend(clock::now() - began)) give_up();
        }
    }

    // A vacuum that PostgreSQL started by itself ends when somebody has waited for its lock for deadlock_timeout, which is longer than our
    // lock timeout. This lock waits for it, and only for it: it does not conflict with those of readers and writers.
    void hold_off_vacuum(std::string_view sql) {
        for (const auto& lock : locks_of(sql)) {
            if (!session_.link().query(table_exists, {lock.table}).boolean(0, 0)) continue;
            session_.execute(fmt::format("set local lock_timeout = 5000; lock table {} in share update exclusive mode;"
                                         " set local lock_timeout = {}",
                                         lock.table, how_.lock_timeout.count()));
        }
    }

    migration_session& session_;
    const migrate_options& how_;
    patience patience_;
    position present_;
};

// An idle transaction on a separate connection holds the lock, so that it lasts over all steps, works with PgBouncer, and keeps
// no snapshot: an index that is built concurrently waits for all older snapshots, including those of waiting migrators.
void wait_for_lock(connection& guard, const migration_session& session, std::chrono::seconds longest_wait) {
    const auto deadline = clock::now() + longest_wait;
    while (true) {
        guard.begin();
        guard.execute("set local idle_in_transaction_session_timeout = 0");
        if (guard.execute(try_lock).boolean(0, 0)) return;
        guard.rollback();
        if (clock::now() > deadline) {
            throw sql_error(sql_error::kind::timeout, "", "",
                            fmt::format("another process has been migrating the database for {} s", longest_wait.count()));
        }
        session.sleep(50ms);
    }
}

result<std::vector<migration_info>> migrate_locked(migration_session& session, const migrate_options& how) {
    const auto plan = plan_for(session.link(), inspect(session.link()));
    const auto& found = plan.state;
    if (found.what == schema_state::kind::ahead || found.what == schema_state::kind::foreign) {
        return invalid(found.explanation);
    }
    if (!plan.missing_rights.empty()) {
        return misconfigured(fmt::format("Nothing was changed, because the account could not finish the migration. {}",
                                         fmt::join(plan.missing_rights, " ")));
    }
    if (!plan.obstacles.empty()) return misconfigured(fmt::format("Nothing was changed. {}", fmt::join(plan.obstacles, " ")));
    if (found.pending.empty()) return found.pending;
    for (const auto& warning : plan.warnings) session.report("warning: " + warning);
    migrator work(session, how);
    work.begin(found.what == schema_state::kind::adoptable);
    for (const auto& one : embedded_migrations()) {
        const auto is_this = [&](const migration_info& pending) { return pending.version == one.version; };
        if (std::any_of(found.pending.begin(), found.pending.end(), is_this)) work.apply(one);
    }
    return found.pending;
}

constexpr const char* run_again = "What was done stays; run `ctms-admin migrate` again to continue.";

error failed(const sql_error& failure) {
    auto outside = to_error(failure, metrics::null_recorder());
    if (failure.reason() == sql_error::kind::forbidden) {
        outside.message = "The database account lacks a right";
    } else if (outside.code != errc::outcome_unknown) {
        outside.code = errc::unavailable;
    }
    return outside;
}

} // namespace

const std::vector<migration_info>& known_migrations() {
    static const std::vector<migration_info> all = [] {
        std::vector<migration_info> made;
        for (const auto& one : embedded_migrations()) made.push_back(info_of(one));
        return made;
    }();
    return all;
}

result<schema_state> inspect_schema(const database_options& options) {
    try {
        connection link(options);
        return inspect(link);
    } catch (const sql_error& failure) {
        return failed(failure);
    }
}

result<migration_plan> plan_migration(const database_options& options) {
    try {
        connection link(options);
        return plan_for(link, inspect(link));
    } catch (const other_content& found) {
        return invalid(found.what());
    } catch (const sql_error& failure) {
        return failed(failure);
    }
}

result<std::vector<migration_info>> migrate(const database_options& options, const migrate_options& how) {
    auto patient = options;
    patient.statement_timeout = 0ms;
    patient.lock_timeout = how.longest_wait;
    try {
        connection guard(patient);
        migration_session session(patient, how);
        wait_for_lock(guard, session, how.longest_wait);
        return migrate_locked(session, how);
    } catch (const stop_requested&) {
        return interrupted(fmt::format("Stopped on request. {}", run_again));
    } catch (const other_content& found) {
        return invalid(found.what());
    } catch (const sql_error& failure) {
        if (failure.reason() == sql_error::kind::timeout) return interrupted(fmt::format("Stopped early. {}", run_again), failure.what());
        return failed(failure);
    }
}

} // namespace ctms::persistence
