// SPDX-License-Identifier: MPL-2.0
// ctms-admin's commands as a table: group, name, how to call it, and the function that does it. Parsing, help, completion
// and the manual page are made from this table. Commands return an exit code of sysexits(3) and print to standard output;
// what went wrong goes to standard error.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/config/settings.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::cli {

/// One option of a command.
struct option {
    const char* name;  ///< as Boost.Program_options writes it: "email,e"
    const char* value; ///< what stands behind it, "ADDRESS"; "" for a flag
    const char* text;  ///< for --help
    bool required = false;
    bool repeatable = false; ///< may be given several times: see invocation::all_values
};

/// What a command is given: the settings (with a database to use), how to print, and its own arguments.
class invocation {
public:
    config::settings settings;
    bool json = false; ///< print for machines
    std::vector<std::string> operands;

    /// True when the flag was given.
    [[nodiscard]] bool has(std::string_view flag) const { return flags.contains(flag); }
    /// The value of an option, by its long name.
    [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
    /// All values of an option that may be repeated, in their order.
    [[nodiscard]] std::vector<std::string> all_values(std::string_view name) const;
    /// A whole number from `least` to `most` as an option's value, or `otherwise` without it. errc::malformed when it is none.
    [[nodiscard]] result<std::int64_t> number(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most) const;

    /// Adds to the audit record of a command that changes something: ids and counts, never personal data.
    void note(std::string_view name, std::string_view text) { notes.emplace_back(name, text); }
    void note(std::string_view name, std::int64_t count) { notes.emplace_back(name, std::to_string(count)); }

    // filled in by whoever parses
    std::set<std::string, std::less<>> flags;
    std::map<std::string, std::string, std::less<>> values;
    std::map<std::string, std::vector<std::string>, std::less<>> lists;
    std::vector<std::pair<std::string, std::string>> notes;
};

enum class needs : std::uint8_t {
    nothing,
    settings, ///< read and checked, but no database is started
    database, ///< whatever its schema
    schema    ///< a database with the schema that this program knows
};

struct command {
    std::string_view group;
    std::string_view name;     ///< "" for the group's only command
    std::string_view operands; ///< "NAME", "FILE...", "" for none; in brackets when they may be left out
    std::string_view summary;
    std::string_view example; ///< behind "ctms-admin "
    int (*run)(invocation& call);
    std::span<const option> options{};
    bool changes = false; ///< leaves an audit record
    needs wanted = needs::schema;
    bool passes_arguments_on = false; ///< everything behind its name is an operand, for another program
};

/// All commands, in the order of the documentation.
[[nodiscard]] std::span<const command> all_commands() noexcept;

/// A group called without a name means this command of it; "" when there is none.
[[nodiscard]] std::string_view default_command(std::string_view group) noexcept;

/// Runs the program: finds the command, reads the settings, prepares the database, runs, and leaves the audit record.
/// `arguments` without the program's name.
[[nodiscard]] int run(std::vector<std::string> arguments, const config::getenv_fn& getenv);

/// The same for a command whose arguments were read elsewhere.
[[nodiscard]] int run_call(std::string_view group, std::string_view name, invocation& call, const config::getenv_fn& getenv);

/// Runs the program under a name of the reference's scripts (acoustic_fields.py), with the arguments that they take: wrong
/// ones end with 2. nullopt for any other name.
[[nodiscard]] std::optional<int> run_script(std::string_view program, const std::vector<std::string>& arguments,
                                            const config::getenv_fn& getenv);

/// Prints a failure to standard error; its exit code.
int fail(const error& failure);
/// The same for a database that cannot be prepared: errc::invalid is a matter of the configuration, exit code 78.
int fail_to_prepare(const error& failure);
/// The same for a wrong call: exit code 64, and where to read how it is done.
int fail_usage(std::string_view problem, std::string_view group);

} // namespace ctms::cli
