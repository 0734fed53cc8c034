// SPDX-License-Identifier: MPL-2.0
// ctms-admin's commands as a table: group, name, usage, and the function that runs the command. Parsing, help, completion
// and the manual page are made from this table. Commands return an exit code of sysexits(3), print to standard output, and
// report errors on standard error.
#pragma once

#include <ctms/base/result.hpp>
#include <support/config/settings.hpp>

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
    const char* name;  ///< in the form of Boost.Program_options: "email,e"
    const char* value; ///< the name of the value, as in "ADDRESS"; "" for a flag
    const char* text;  ///< for --help
    bool required = false;
    bool repeatable = false; ///< may be given several times: see invocation::all_values()
};

/// The input of a command: the settings (with the database to use), the output format, and the arguments.
class invocation {
public:
    config::settings settings;
    bool json = false; ///< print JSON
    std::vector<std::string> operands;

    /// Whether the flag was given.
    [[nodiscard]] bool has(std::string_view flag) const { return flags.contains(flag); }
    /// The value of an option, by its long name.
    [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
    /// All values of a repeatable option, in the order given.
    [[nodiscard]] std::vector<std::string> all_values(std::string_view name) const;
    /// The value of an option as a whole number, or `otherwise` if not given. errc::malformed unless it is from `least` to `most`.
    [[nodiscard]] result<std::int64_t> number(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most) const;

    /// Adds to the audit record of a command that changes something: ids and counts, never personal data.
    void note(std::string_view name, std::string_view text) { notes.emplace_back(name, text); }
    void note(std::string_view name, std::int64_t count) { notes.emplace_back(name, std::to_string(count)); }

    std::string actor; ///< of a command that changes something: who runs it, and on which host

    // set by the parser, except the notes
    std::set<std::string, std::less<>> flags;
    std::map<std::string, std::string, std::less<>> values;
    std::map<std::string, std::vector<std::string>, std::less<>> lists;
    std::vector<std::pair<std::string, std::string>> notes;

    /// What to do if the output of a completed command cannot be written; set by commands that cannot simply be run again.
    std::string advice_without_output;
};

enum class needs : std::uint8_t {
    nothing,
    settings, ///< the settings are read and checked, but no database is started
    database, ///< a database with any schema
    schema    ///< a database with the schema of this version
};

struct command {
    std::string_view group;
    std::string_view name;     ///< "" for the group's only command
    std::string_view operands; ///< "NAME", "FILE...", "" for none; in brackets if optional
    std::string_view summary;
    std::string_view example; ///< the part after "ctms-admin "
    int (*run)(invocation& call);
    std::span<const option> options{};
    bool changes = false; ///< whether it leaves an audit record
    needs wanted = needs::schema;
    std::string (*more)() = nullptr;           ///< returns further help, lines of at most 100 characters; null for none
    int (*before)(invocation& call) = nullptr; ///< runs before the database is started; its failure ends the command
    bool passes_arguments_on = false;          ///< everything after its name is an operand, which is passed to another program
    std::string_view changes_with{};           ///< a flag with which it leaves an audit record although `changes` is false
};

/// All commands, in the order in which the documentation lists them.
[[nodiscard]] std::span<const command> all_commands() noexcept;

/// The command that a group without a command name stands for; "" if there is none.
[[nodiscard]] std::string_view default_command(std::string_view group) noexcept;

/// Runs the program: finds the command, reads the settings, prepares the database, runs the command, and writes the audit
/// record. `arguments` does not include the program's name. Returns the exit code.
[[nodiscard]] int run(std::vector<std::string> arguments, const config::getenv_fn& getenv);

/// Does the same for a command whose arguments have already been read.
[[nodiscard]] int run_call(std::string_view group, std::string_view name, invocation& call, const config::getenv_fn& getenv);

/// Whether this is the name of one of the Python service's scripts.
[[nodiscard]] bool is_script(std::string_view program);

/// Runs the program under the name of one of the Python service's scripts (acoustic_fields.py), with the script's arguments.
/// Returns the exit code, 2 for wrong arguments, or nullopt for any other name.
[[nodiscard]] std::optional<int> run_script(std::string_view program, const std::vector<std::string>& arguments,
                                            const config::getenv_fn& getenv);

/// Prints a failure to standard error and returns its exit code.
int fail(const error& failure);
/// Does the same for a database that cannot be prepared. errc::invalid is a configuration error: exit code 78.
int fail_to_prepare(const error& failure);
/// Does the same for wrong usage: prints the problem and where to find help, and returns exit code 64.
int fail_usage(std::string_view problem, std::string_view group);

} // namespace ctms::cli
