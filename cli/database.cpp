// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "interrupts.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/grants.hpp>
#include <ctms/persistence/migrations.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

// POSIX leaves the declaration of the environment to the program.
extern char** environ; // NOLINT(readability-redundant-declaration)

namespace ctms::cli {
namespace {

/// Runs a program of PostgreSQL on the database and waits for it: the embedded database stays up meanwhile.
int run_tool(const char* name, invocation& call) {
    std::vector<std::string> words{name, "--dbname", call.settings.db_url.value()};
    words.insert(words.end(), call.operands.begin(), call.operands.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    if (const int problem = posix_spawnp(&child, name, nullptr, nullptr, argv.data(), environ); problem != 0) {
        complain("cannot run {}: {} (Debian package postgresql-client)", name, std::strerror(problem));
        return support::unavailable;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : support::failed;
}

std::string_view to_text(persistence::schema_state::kind what) {
    using enum persistence::schema_state::kind;
    switch (what) {
    case empty: return "empty";
    case adoptable: return "adoptable";
    case behind: return "behind";
    case current: return "current";
    case ahead: return "ahead";
    case foreign: return "foreign";
    }
    return "unknown";
}

std::string_view to_text(persistence::planned_step::effect what) {
    using enum persistence::planned_step::effect;
    switch (what) {
    case none: return "none";
    case batches: return "batches";
    case writers: return "writers";
    case everyone: return "everyone";
    }
    return "unknown";
}

/// What others notice of a step, for people.
std::string explain(const persistence::planned_step& step) {
    using enum persistence::planned_step::effect;
    switch (step.what) {
    case writers: return fmt::format("writers of {} wait for a moment", step.table);
    case everyone: return fmt::format("readers and writers of {} wait for a moment", step.table);
    case batches: return fmt::format("copies the rows of {} in short transactions", step.table);
    case none: break;
    }
    return step.table.empty() ? "locks nothing" : fmt::format("builds an index of {} while others read and write it", step.table);
}

void add_migration(object_writer& writer, const persistence::migration_info& one) {
    writer.add("version", one.version);
    writer.add("name", std::string_view(one.name));
}

void append_migrations(std::string& to, const std::vector<persistence::migration_info>& list) {
    append_json_array(to, list, [](std::string& out, const persistence::migration_info& one) {
        object_writer migration(out);
        add_migration(migration, one);
        migration.close();
    });
}

void append_texts(std::string& to, const std::vector<std::string>& list) {
    append_json_array(to, list, [](std::string& out, const std::string& text) { append_json_string(out, text); });
}

void print_plan_json(const persistence::migration_plan& plan) {
    std::string out;
    object_writer writer(out);
    writer.add("schema", to_text(plan.state.what));
    append_migrations(writer.key("pending"), plan.state.pending);
    append_json_array(writer.key("steps"), plan.steps, [](std::string& to, const persistence::planned_step& one) {
        object_writer step(to);
        add_migration(step, one.migration);
        step.add("step", one.number);
        step.add("steps", one.count);
        step.add("holds_up", to_text(one.what));
        one.table.empty() ? step.add_null("table") : step.add("table", std::string_view(one.table));
        step.add("bytes", one.bytes);
        step.add_seconds("seconds", one.seconds);
        one.blockers.empty() ? step.add_null("in_the_way") : step.add("in_the_way", std::string_view(one.blockers));
        step.close();
    });
    append_texts(writer.key("missing_rights"), plan.missing_rights);
    append_texts(writer.key("obstacles"), plan.obstacles);
    append_texts(writer.key("warnings"), plan.warnings);
    writer.close();
    print_json(out);
}

/// How long a step takes, as a range: in measurements, the estimate was up to 1.7 times too long or too short.
std::string duration_text(double seconds) {
    constexpr double factor = 2;
    return fmt::format("about {:.1f} to {:.1f} s", seconds / factor, seconds * factor);
}

void print_plan(const persistence::migration_plan& plan) {
    print_text(plan.state.explanation);
    int shown = 0;
    for (const auto& one : plan.steps) {
        if (one.migration.version != shown) fmt::print("Would apply {:04} {}\n", one.migration.version, one.migration.name);
        shown = one.migration.version;
        print_text(fmt::format("  step {} of {}: {}; {}{}", one.number, one.count, explain(one), duration_text(one.seconds),
                               one.blockers.empty() ? "" : "; in the way now: " + one.blockers));
    }
    for (const auto& text : plan.missing_rights) print_text("Missing right: " + text);
    for (const auto& text : plan.obstacles) print_text("Obstacle: " + text);
    for (const auto& text : plan.warnings) print_text("Warning: " + text);
}

int print_plan(const invocation& call, const persistence::database_options& options) {
    const auto plan = persistence::plan_migration(options);
    if (!plan) return fail(plan.error());
    call.json ? print_plan_json(*plan) : print_plan(*plan);
    return plan->missing_rights.empty() && plan->obstacles.empty() ? support::ok : support::configuration;
}

int check_schema(const invocation& call, const persistence::database_options& options) {
    const auto state = persistence::inspect_schema(options);
    if (!state) return fail(state.error());
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("schema", to_text(state->what));
        append_migrations(writer.key("pending"), state->pending);
        writer.close();
        print_json(out);
    } else {
        print_text(state->explanation);
    }
    return state->what == persistence::schema_state::kind::current ? support::ok : support::failed;
}

} // namespace

int migrate(invocation& call) {
    if (call.has("plan") && call.has("check")) return fail_usage("migrate takes --plan or --check", "migrate");
    const auto wait = call.number("wait", 600, 1, 86'400);
    if (!wait) return fail(wait.error());
    const auto options = support::database_options(call.settings);
    if (call.has("plan")) return print_plan(call, options);
    if (call.has("check")) return check_schema(call, options);
    const interrupts signals;
    const auto applied = persistence::migrate(
        options, {.longest_wait = std::chrono::seconds(*wait), .report = complain_text, .stop = interrupts::requested});
    if (!applied) return fail(applied.error());
    for (const auto& one : *applied) call.note("applied", one.version);
    if (call.json) {
        std::string out;
        object_writer writer(out);
        append_migrations(writer.key("applied"), *applied);
        writer.close();
        print_json(out);
        return support::ok;
    }
    for (const auto& one : *applied) fmt::print("Applied {:04} {}\n", one.version, one.name);
    if (applied->empty()) fmt::print("The schema is up to date.\n");
    return support::ok;
}

int upgrade_database(invocation& call) {
    if (!call.settings.embedded) {
        return fail_usage(
            "db upgrade is only for the embedded database (--embedded or CTMS_DATA_DIR); use PostgreSQL's pg_upgrade for your own", "db");
    }
    const std::filesystem::path directory = call.settings.data_dir.value();
    if (!persistence::embedded_postgres::exists(directory))
        return fail_to_prepare(invalid(fmt::format("there is no database in {}", directory.string()), "check CTMS_DATA_DIR"));
    const interrupts ignored; // a first Ctrl-C waits for the end, because nothing is left half done
    const auto done = persistence::embedded_postgres::upgrade(directory, call.value("old-programs").value_or(""));
    if (!done) return fail_to_prepare(done.error());
    call.note("from", done->from);
    call.note("to", done->to);
    call.operands = {done->kept.string()};
    return support::ok;
}

int db_upgrade(invocation& call) {
    const auto& kept = call.operands.front();
    const auto& from = call.notes.at(0).second;
    const auto& to = call.notes.at(1).second;
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add_raw("from", from);
        writer.add_raw("to", to);
        kept.empty() ? writer.add_null("kept") : writer.add("kept", std::string_view(kept));
        writer.close();
        print_json(out);
    } else if (kept.empty()) {
        fmt::print("The database already has version {} of PostgreSQL, the newest one that is installed.\n", to);
    } else {
        fmt::print("Upgraded the database from PostgreSQL {} to {}. The old data is in {}: delete it when you no longer need it.\n", from,
                   to, kept);
    }
    return support::ok;
}

int db_url(invocation& call) {
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("url", std::string_view(call.settings.db_url.value()));
        writer.close();
        print_json(out);
        return support::ok;
    }
    fmt::print("{}\n", call.settings.db_url.value());
    return support::ok;
}

int db_psql(invocation& call) { return run_tool("psql", call); }
int db_dump(invocation& call) {
    // Documents belong to row versions of this cluster, and reads make them again.
    call.operands.emplace(call.operands.begin(), "--exclude-table-data=*.ctms_documents");
    return run_tool("pg_dump", call);
}

int db_status(invocation& call) {
    const auto url = persistence::url_for_display(call.settings.db_url.value());
    const auto state = persistence::inspect_schema(support::database_options(call.settings));
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("url", std::string_view(url));
        writer.add("up", state.has_value());
        if (state) writer.add("schema", to_text(state->what));
        writer.close();
        print_json(out);
        return state ? support::ok : support::to_exit_code(state.error().code);
    }
    fmt::print("database: {}\n", url);
    if (!state) return fail(state.error());
    print_text(fmt::format("answers:  yes\nschema:   {}: {}", to_text(state->what), state->explanation));
    return support::ok;
}

int db_grants(invocation& call) {
    using enum persistence::program_account;
    std::vector<persistence::account_role> roles;
    for (const auto& [name, program] : {std::pair{"web", web}, std::pair{"sync", sync}, std::pair{"admin", admin}}) {
        if (const auto role = call.value(name)) roles.push_back({program, *role});
    }
    if (roles.empty()) return fail_usage("db grants takes at least one of --web, --sync and --admin", "db");
    const auto options = support::database_options(call.settings);
    const auto statements = persistence::grant_statements(options, roles);
    if (!statements) return fail(statements.error());
    if (call.has("apply")) {
        if (const auto done = persistence::apply_grants(options, *statements); !done) return fail(done.error());
    }
    if (call.json) {
        std::string out;
        object_writer writer(out);
        append_texts(writer.key("statements"), *statements);
        writer.add("applied", call.has("apply"));
        writer.close();
        print_json(out);
    } else if (!call.has("apply")) {
        fmt::print("begin;\n");
        for (const auto& one : *statements) fmt::print("{};\n", for_output(one, false));
        fmt::print("commit;\n");
    } else {
        fmt::print("Granted.\n");
    }
    return support::ok;
}

} // namespace ctms::cli
