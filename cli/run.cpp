// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "help.hpp"
#include "output.hpp"
#include "suggest.hpp"

#include <ctms/base/host_name.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/version.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/audit_log.hpp>
#include <support/exit_codes.hpp>
#include <support/standard_streams.hpp>
#include <support/start.hpp>

#include <boost/program_options.hpp>
#include <fmt/core.h>

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>

namespace ctms::cli {
namespace {

namespace options = boost::program_options;
constexpr auto operands_name = "operands";

/// Removes a flag from the arguments and returns whether it was there.
bool take_flag(std::vector<std::string>& arguments, std::string_view flag) {
    return std::erase_if(arguments, [&](const auto& argument) { return argument == flag; }) > 0;
}

const command* find_command(std::string_view group, std::string_view name) {
    for (const auto& one : all_commands()) {
        if (one.group == group && one.name == name) return &one;
    }
    return nullptr;
}

/// The end of the arguments that are for this program: all of them or, if the command passes the others on, those up to its name. A
/// single --help after that asks for the help of the command, as with every other one.
std::vector<std::string>::const_iterator end_of_own(const std::vector<std::string>& arguments) {
    const auto is_word = [](const std::string& argument) { return !argument.starts_with('-'); };
    const auto end = arguments.end();
    const auto group = std::find_if(arguments.begin(), end, is_word);
    const auto name = group == end ? end : std::find_if(group + 1, end, is_word);
    const auto* found = name == end ? nullptr : find_command(*group, *name);
    if (found == nullptr || !found->passes_arguments_on) return end;
    const bool asks_for_help = end - name == 2 && *(name + 1) == "--help";
    return asks_for_help ? end : name + 1;
}

/// Finds the command at the beginning of the arguments and removes its words from them; nullptr if there is no such command.
const command* take_command(std::vector<std::string>& arguments) {
    const auto group = arguments[0];
    const auto second = arguments.size() > 1 ? arguments[1] : std::string();
    std::ptrdiff_t words = 1;
    const auto* found = find_command(group, {});
    if (found == nullptr && !second.empty() && !second.starts_with('-')) {
        found = find_command(group, second);
        words = 2;
    } else if (found == nullptr && !default_command(group).empty()) {
        found = find_command(group, default_command(group));
    }
    if (found != nullptr) arguments.erase(arguments.begin(), arguments.begin() + words);
    return found;
}

std::string long_name(const option& one) {
    const std::string_view name(one.name);
    return std::string(name.substr(0, name.find(',')));
}

options::options_description description_of(const command& chosen) {
    options::options_description out;
    for (const auto& one : chosen.options) {
        if (*one.value == '\0') {
            out.add_options()(one.name, options::bool_switch(), one.text);
        } else if (one.repeatable) {
            out.add_options()(one.name, options::value<std::vector<std::string>>(), one.text);
        } else {
            auto* value = options::value<std::string>();
            out.add_options()(one.name, one.required ? value->required() : value, one.text);
        }
    }
    out.add_options()(operands_name, options::value<std::vector<std::string>>());
    return out;
}

/// Returns "" if the number of operands is right, otherwise what is wrong with it.
std::string check_operands(const command& chosen, std::size_t count) {
    const auto wanted = chosen.operands;
    const bool any_number = wanted.find("...") != std::string_view::npos;
    const auto words = wanted.empty() ? 0U : static_cast<std::size_t>(std::count(wanted.begin(), wanted.end(), ' ')) + 1U;
    const auto optional = static_cast<std::size_t>(std::count(wanted.begin(), wanted.end(), '['));
    if (count < words - optional) return fmt::format("{} is missing", wanted);
    if (count > words && !any_number) return "there are too many arguments";
    return {};
}

/// Reads the arguments of a command into the call. Throws options::error if something is wrong with them.
void read_arguments(const command& chosen, const std::vector<std::string>& arguments, invocation& call) {
    if (chosen.passes_arguments_on) {
        call.operands = arguments;
        return;
    }
    options::positional_options_description positions;
    positions.add(operands_name, -1);
    options::variables_map given;
    // Abbreviations are not allowed, because a new option could make one ambiguous.
    const auto style = options::command_line_style::default_style & ~options::command_line_style::allow_guessing;
    options::store(options::command_line_parser(arguments).options(description_of(chosen)).positional(positions).style(style).run(), given);
    options::notify(given);
    for (const auto& one : chosen.options) {
        const auto name = long_name(one);
        if (!given.contains(name)) continue;
        if (one.repeatable) {
            call.lists[name] = given[name].as<std::vector<std::string>>();
        } else if (*one.value != '\0') {
            call.values[name] = given[name].as<std::string>();
        } else if (given[name].as<bool>()) {
            call.flags.insert(name);
        }
    }
    if (given.contains(operands_name)) call.operands = given[operands_name].as<std::vector<std::string>>();
    if (const auto wrong = check_operands(chosen, call.operands.size()); !wrong.empty()) throw options::error(wrong);
}

/// The user who runs the program, or the one who called sudo, and the host.
std::string actor(const config::getenv_fn& getenv) {
    const auto* account = getpwuid(geteuid());
    auto user = getenv("SUDO_USER").value_or(account != nullptr ? account->pw_name : std::to_string(geteuid()));
    return fmt::format("{}@{}", user, host_name());
}

std::string words_of(const command& one) { return fmt::format("{}{}{}", one.group, one.name.empty() ? "" : " ", one.name); }

/// Runs a command, and checks that its output was written.
int run_and_check(const command& chosen, invocation& call) {
    int code = support::ok;
    try {
        code = chosen.run(call);
    } catch (const std::exception& problem) {
        if (*support::flush_output() == '\0') { // otherwise fmt::print has thrown because standard output cannot be written
            support::report_to_sentry(call.settings, "ctms-admin", problem);
            throw;
        }
    }
    return support::check_output("ctms-admin", code, call.advice_without_output);
}

/// Runs a command that changes something, with an audit record.
int run_audited(const command& chosen, invocation& call, const std::string& who) {
    call.actor = who;
    // `migrate` creates the audit table, so it is recorded after it has run.
    const bool creates_the_table = chosen.run == migrate;
    if (creates_the_table && (call.has("plan") || call.has("check"))) return run_and_check(chosen, call);
    const int code = creates_the_table ? run_and_check(chosen, call) : support::ok;
    if (code != support::ok) return code;
    // A reader of the output that ends must not end the command before its record is complete: writing fails instead.
    std::signal(SIGPIPE, SIG_IGN);
    if (call.has("dry-run")) call.note("dry_run", 1);
    persistence::database db(support::database_options(call.settings));
    const auto outcome = service::audit_log(db).record(who, words_of(chosen), [&] {
        const int result = creates_the_table ? code : run_and_check(chosen, call);
        return service::audited_result{result, call.notes};
    });
    if (!outcome) return fail(outcome.error());
    if (!outcome->recorded) complain("the result could not be added to the audit record: {}", outcome->recorded.error().message);
    return outcome->exit_code;
}

int report_mistakes(const std::vector<std::string>& mistakes) {
    complain("the configuration has mistakes:");
    for (const auto& mistake : mistakes) support::print_to_stderr(fmt::format("  {}\n", printable_lines(mistake)));
    return support::configuration;
}

/// Reports that there is no such command. A group alone is answered with its commands.
int fail_unknown(const std::vector<std::string>& words) {
    const auto names = command_names(words.front());
    if (names.empty())
        return fail_usage(fmt::format("unknown command '{}'{}", words.front(), did_you_mean(words.front(), group_names())), {});
    if (words.size() == 1 || words[1].starts_with('-')) {
        complain("'{}' is a group of commands:", words.front());
        for (const auto& one : all_commands()) {
            if (one.group == words.front()) support::print_to_stderr(fmt::format("  {:<28} {}\n", words_of(one), one.summary));
        }
        return fail_usage("the command is missing", words.front());
    }
    return fail_usage(fmt::format("unknown command '{} {}'{}", words[0], words[1], did_you_mean(words[1], names)), words.front());
}

/// Prints the help of what the words name; that of all commands if there are none.
int print_help_of(const std::vector<std::string>& words, bool json, int code) {
    if (!words.empty() && find_command(words[0], {}) == nullptr && command_names(words[0]).empty()) return fail_unknown(words);
    if (words.size() > 1 && !command_names(words[0]).empty() && !words[1].starts_with('-') && find_command(words[0], words[1]) == nullptr)
        return fail_unknown(words);
    (json ? print_help_json : print_help)(words.empty() ? std::string_view() : std::string_view(words[0]),
                                          words.size() < 2 ? std::string_view() : std::string_view(words[1]));
    return code;
}

int print_version(bool json) {
    if (!json) return fmt::print("ctms-admin {} {}\n", version(), commit()), support::ok;
    std::string out;
    object_writer writer(out);
    writer.add("version", version());
    writer.add("commit", commit());
    writer.close();
    print_json(out);
    return support::ok;
}

int run_command(const command& chosen, invocation& call, bool embedded, const config::getenv_fn& getenv) {
    if (chosen.wanted == needs::nothing) return chosen.run(call);
    auto read = config::read(config::program::admin, embedded, getenv);
    if (!read.mistakes.empty()) return report_mistakes(read.mistakes);
    call.settings = std::move(read.values);
    if (chosen.wanted == needs::settings) return chosen.run(call);
    if (chosen.before != nullptr) {
        if (const int code = chosen.before(call); code != support::ok) return code;
    }
    const auto held = support::prepare_database(call.settings, chosen.run == migrate && !call.has("plan") && !call.has("check"));
    if (!held) return fail_to_prepare(held.error());
    if (chosen.wanted == needs::schema) {
        if (const auto schema = support::prepare_schema(call.settings, persistence::program_account::admin); !schema)
            return fail_to_prepare(schema.error());
    }
    const bool changes = chosen.changes || call.has(chosen.changes_with);
    const int code = changes ? run_audited(chosen, call, actor(getenv)) : run_and_check(chosen, call);
    if (code == support::configuration && chosen.wanted == needs::schema) {
        const auto rights = persistence::check_rights(support::database_options(call.settings), persistence::program_account::admin);
        if (!rights) complain("{}", rights.error().message);
    }
    return code;
}

} // namespace

std::optional<std::string> invocation::value(std::string_view name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> invocation::all_values(std::string_view name) const {
    const auto found = lists.find(name);
    return found == lists.end() ? std::vector<std::string>() : found->second;
}

result<std::int64_t> invocation::number(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most) const {
    const auto text = value(name);
    if (!text) return otherwise;
    std::int64_t out = 0;
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), out);
    if (failed != std::errc() || end != text->data() + text->size() || out < least || out > most) {
        return malformed(fmt::format("--{} takes a whole number from {} to {}, not '{}'", name, least, most, *text));
    }
    return out;
}

int fail(const error& failure) {
    // The message is for clients of the API; here, it is the database that does not answer.
    const bool is_database = failure.message == service_unavailable({}).message;
    const bool lacks_right = failure.code == errc::misconfigured && !failure.detail.empty();
    const std::string_view what = is_database   ? "the database does not answer"
                                  : lacks_right ? "the database account lacks a right"
                                                : std::string_view(failure.message);
    complain("{}{}{}", what, failure.detail.empty() ? "" : ": ", failure.detail);
    return support::to_exit_code(failure.code);
}

int fail_to_prepare(const error& failure) {
    const int code = fail(failure);
    return failure.code == errc::invalid ? support::configuration : code;
}

int fail_usage(std::string_view problem, std::string_view group) {
    complain("{}; see ctms-admin {}{}--help", problem, group, group.empty() ? "" : " ");
    return support::usage;
}

int run_call(std::string_view group, std::string_view name, invocation& call, const config::getenv_fn& getenv) {
    return run_command(*find_command(group, name), call, false, getenv);
}

int run(std::vector<std::string> arguments, const config::getenv_fn& getenv) {
    if (!arguments.empty() && arguments.front() == "complete") return complete({arguments.begin() + 1, arguments.end()}, getenv);
    // The global flags may be anywhere, except among the arguments that are passed on to another program.
    const auto own_end = end_of_own(arguments);
    const auto first_word = std::find_if(arguments.cbegin(), own_end, [](const auto& word) { return !word.starts_with('-'); });
    std::vector<std::string> ahead(arguments.cbegin(), first_word);
    std::vector<std::string> rest(first_word, own_end);
    const std::vector<std::string> passed_on(own_end, arguments.cend());
    const auto take = [&](std::string_view flag) {
        const bool stood_ahead = take_flag(ahead, flag);
        return take_flag(rest, flag) || stood_ahead;
    };
    const bool embedded = take("--embedded");
    const bool json = take("--json");
    if (take("--version")) return print_version(json);
    const bool wants_long_help = take("--help");
    const bool wants_help = take("-h") || wants_long_help;
    if (!ahead.empty()) return fail_usage(fmt::format("unknown option '{}'", ahead.front()), {});
    if (wants_help || rest.empty()) return print_help_of(rest, json, wants_help ? support::ok : support::usage);
    if (rest.front() == "help") return print_help_of({rest.begin() + 1, rest.end()}, json, support::ok);
    const auto asked = rest;
    const auto* chosen = take_command(rest);
    if (chosen == nullptr) return fail_unknown(asked);
    if (json && chosen->passes_arguments_on)
        return fail_usage(fmt::format("{} prints what PostgreSQL's program prints, which --json does not change", words_of(*chosen)),
                          chosen->group);
    invocation call;
    call.json = json;
    try {
        read_arguments(*chosen, chosen->passes_arguments_on ? passed_on : rest, call);
    } catch (const options::unknown_option& problem) {
        std::vector<std::string> known;
        for (const auto& one : chosen->options) known.push_back("--" + long_name(one));
        return fail_usage(problem.what() + did_you_mean(problem.get_option_name(), known), chosen->group);
    } catch (const options::error& problem) {
        return fail_usage(problem.what(), chosen->group);
    }
    return run_command(*chosen, call, embedded, getenv);
}

} // namespace ctms::cli
