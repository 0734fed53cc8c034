// SPDX-License-Identifier: MPL-2.0
// ctms-admin's commands as a table: group, name, how to call it, and the function that does it.
// Commands return an exit code of sysexits(3) and print to standard output; what went wrong goes to standard error.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/config/settings.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// What every command gets: the settings (with a database to use), how to print, and its own arguments.
struct invocation {
    config::settings settings;
    bool json = false; ///< print for machines
    std::vector<std::string> arguments;
};

struct command {
    std::string_view group;
    std::string_view name; ///< "" for the group's only command
    std::string_view arguments;
    std::string_view summary;
    std::string_view example;
    int (*run)(const invocation& call);
};

[[nodiscard]] std::span<const command> all_commands() noexcept;

/// Runs the program: finds the command, reads the settings, prepares the database. `arguments` without the program's name.
[[nodiscard]] int run(std::vector<std::string> arguments, const config::getenv_fn& getenv);

/// Prints a failure to standard error; its exit code.
int fail(const error& failure);

// The commands, by file.
// clients.cpp
int clients_create(const invocation& call);
int clients_list(const invocation& call);
int clients_show(const invocation& call);
int clients_enable(const invocation& call);
int clients_disable(const invocation& call);
int clients_rotate_secret(const invocation& call);
int clients_delete(const invocation& call);
// database.cpp
int migrate(const invocation& call);
int db_url(const invocation& call);
int db_psql(const invocation& call);
int db_dump(const invocation& call);
int db_status(const invocation& call);
// stripe.cpp
int stripe_ingest(const invocation& call);
int stripe_queue(const invocation& call);

} // namespace ctms::cli
