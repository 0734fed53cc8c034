// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/persistence/migrations.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>

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

void print_migrations(const char* verb, const std::vector<persistence::migration_info>& list) {
    for (const auto& one : list) fmt::print("{} {:04} {}\n", verb, one.version, one.name);
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

void print_migrations_json(std::string_view what, const std::vector<persistence::migration_info>& list,
                           const std::optional<persistence::schema_state>& state) {
    std::string out;
    object_writer writer(out);
    if (state) writer.add("schema", to_text(state->what));
    append_json_array(writer.key(what), list, [](std::string& to, const persistence::migration_info& one) {
        object_writer migration(to);
        migration.add("version", one.version);
        migration.add("name", std::string_view(one.name));
        migration.close();
    });
    writer.close();
    print_json(out);
}

} // namespace

int migrate(invocation& call) {
    const bool plan = call.has("plan");
    const bool check = call.has("check");
    if (plan && check) return fail_usage("migrate takes --plan or --check", "migrate");
    if (!plan && !check) {
        const auto applied = persistence::migrate(support::database_options(call.settings));
        if (!applied) return fail(applied.error());
        for (const auto& one : *applied) call.note("applied", one.version);
        if (call.json) return print_migrations_json("applied", *applied, std::nullopt), support::ok;
        print_migrations("Applied", *applied);
        if (applied->empty()) fmt::print("The schema is up to date.\n");
        return support::ok;
    }
    const auto state = persistence::inspect_schema(support::database_options(call.settings));
    if (!state) return fail(state.error());
    if (call.json) {
        print_migrations_json("pending", state->pending, *state);
    } else {
        print_text(state->explanation);
        print_migrations("Would apply", state->pending);
    }
    if (check) return state->what == persistence::schema_state::kind::current ? support::ok : support::failed;
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
int db_dump(invocation& call) { return run_tool("pg_dump", call); }

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

} // namespace ctms::cli
