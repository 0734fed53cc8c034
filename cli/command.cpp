// SPDX-License-Identifier: MPL-2.0
#include "command.hpp"

#include <ctms/base/version.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

namespace ctms::cli {
namespace {

std::string call_of(const command& one) {
    return fmt::format("{}{}{}{}{}", one.group, one.name.empty() ? "" : " ", one.name, one.arguments.empty() ? "" : " ", one.arguments);
}

void print_help(std::string_view group) {
    fmt::print("Usage: ctms-admin [--embedded] [--json] COMMAND ...\n"
               "Administers CTMS. The database is that of CTMS_DB_URL, or the embedded one (--embedded, or CTMS_DATA_DIR).\n\n");
    for (const auto& one : all_commands()) {
        if (!group.empty() && one.group != group) continue;
        fmt::print("  {}\n      {}\n      example: ctms-admin {}\n", call_of(one), one.summary, one.example);
    }
    fmt::print("\nOptions:\n  --embedded  use the embedded database\n  --json      print JSON\n  --version   print the version\n"
               "  --help      print this text, or that of a group: ctms-admin clients --help\n");
}

/// Takes a flag out of the arguments; true when it was there.
bool take_flag(std::vector<std::string>& arguments, std::string_view flag) {
    return std::erase_if(arguments, [&](const auto& argument) { return argument == flag; }) > 0;
}

/// The command that the arguments begin with, whose words are taken from them; nullptr when there is none.
const command* take_command(std::vector<std::string>& arguments) {
    for (const auto& one : all_commands()) {
        const std::size_t words = one.name.empty() ? 1 : 2;
        if (arguments.size() < words || arguments[0] != one.group || (words == 2 && arguments[1] != one.name)) continue;
        arguments.erase(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(words));
        return &one;
    }
    return nullptr;
}

int report_mistakes(const std::vector<std::string>& mistakes) {
    fmt::print(stderr, "ctms-admin: the configuration has mistakes:\n");
    for (const auto& mistake : mistakes) fmt::print(stderr, "  {}\n", mistake);
    return support::configuration;
}

} // namespace

std::span<const command> all_commands() noexcept {
    static constexpr std::array table{
        command{"migrate", "", "[--plan|--check]", "bring the schema up to date; --plan prints what would run, --check exits 1 when behind",
                "migrate --plan", migrate},
        command{"clients", "create", "NAME -e EMAIL [--disabled]", "make an API client and print its secret, once",
                "clients create basket -e basket-team@example.com", clients_create},
        command{"clients", "list", "", "list the API clients", "clients list", clients_list},
        command{"clients", "show", "NAME", "show one API client", "clients show basket", clients_show},
        command{"clients", "enable", "NAME", "let a client in again, within 5 seconds", "clients enable basket", clients_enable},
        command{"clients", "disable", "NAME", "shut a client out, within 5 seconds", "clients disable basket", clients_disable},
        command{"clients", "rotate-secret", "NAME", "give a client a new secret; the old one ends at once", "clients rotate-secret basket",
                clients_rotate_secret},
        command{"clients", "delete", "NAME [--yes]", "delete a client; asks first", "clients delete basket", clients_delete},
        command{"stripe", "ingest", "FILE...", "store exported Stripe objects: JSON, a list, or one a line; - is standard input",
                "stripe ingest customers.ndjson subscriptions.ndjson", stripe_ingest},
        command{"stripe", "queue", "FILE...", "store nothing, and have the contacts of these objects sent to the vendor again",
                "stripe queue subscriptions.ndjson", stripe_queue},
        command{"db", "url", "", "print the URL of the database", "--embedded db url", db_url},
        command{"db", "psql", "[ARGUMENT...]", "open psql on the database", "--embedded db psql", db_psql},
        command{"db", "dump", "[ARGUMENT...]", "run pg_dump on the database", "--embedded db dump > ctms.sql", db_dump},
        command{"db", "status", "", "tell whether the database answers and how its schema stands", "db status", db_status},
    };
    return table;
}

int fail(const error& failure) {
    fmt::print(stderr, "ctms-admin: {}{}{}\n", failure.message, failure.detail.empty() ? "" : ": ", failure.detail);
    return support::to_exit_code(failure.code);
}

int run(std::vector<std::string> arguments, const config::getenv_fn& getenv) {
    const bool embedded = take_flag(arguments, "--embedded");
    const bool json = take_flag(arguments, "--json");
    if (take_flag(arguments, "--version")) return fmt::print("ctms-admin {} {}\n", version(), commit()), support::ok;
    const bool wants_help = take_flag(arguments, "--help") || take_flag(arguments, "-h");
    if (wants_help || arguments.empty()) {
        print_help(arguments.empty() ? std::string_view() : std::string_view(arguments.front()));
        return wants_help ? support::ok : support::usage;
    }
    const auto asked = arguments.front();
    const auto* chosen = take_command(arguments);
    if (chosen == nullptr) {
        fmt::print(stderr, "ctms-admin: unknown command '{}{}'; see ctms-admin --help\n", asked,
                   arguments.size() > 1 ? " " + arguments[1] : "");
        return support::usage;
    }
    auto read = config::read(config::program::admin, embedded, getenv);
    if (!read.mistakes.empty()) return report_mistakes(read.mistakes);
    const auto held = support::prepare_database(read.values);
    if (!held) return fail(held.error());
    return chosen->run({std::move(read.values), json, std::move(arguments)});
}

} // namespace ctms::cli
