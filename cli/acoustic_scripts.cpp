// SPDX-License-Identifier: MPL-2.0
// The names and arguments of the Python service's scripts, for runbooks that call them: what Python's argparse takes, answers and
// refuses (exit code 2), before the same commands as under ctms-admin.
#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/printable.hpp>
#include <support/exit_codes.hpp>
#include <support/standard_streams.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace ctms::cli {
namespace {

constexpr int usage_error = 2;

/// One action of a script. In texts, {name} is the program and {run} how it is called by hand.
struct action {
    std::string_view name;
    const char* usage;
    std::string_view operand; ///< "" when it takes none
    bool takes_table;
    const char* help; ///< after the usage
};

struct script {
    std::string_view program; ///< also with ".py" after it
    std::string_view group;   ///< of ctms-admin's commands, which have the names of the actions
    const char* description;
    std::array<action, 3> actions;
};

constexpr const char* main_usage = "usage: {name} [-h] {{add,remove,list}} ...\n";
constexpr const char* main_help = "\n{description}\n\n"
                                  "positional arguments:\n  {{add,remove,list}}\n\n"
                                  "options:\n  -h, --help         show this help message and exit\n";

constexpr std::array scripts{
    script{.program = "acoustic_fields",
           .group = "acoustic-fields",
           .description = "Manage Acoustic fields",
           .actions = {action{"add", "usage: {run} add \"fxaid\" \n", "field", true,
                              "\npositional arguments:\n  field\n\n"
                              "options:\n  -h, --help            show this help message and exit\n"
                              "  --tablename TABLENAME, -t TABLENAME\n                        Acoustic table name\n"},
                       action{"remove", "usage: {run} remove \"fxaid\" \n", "field", true,
                              "\npositional arguments:\n  field\n\n"
                              "options:\n  -h, --help            show this help message and exit\n"
                              "  --tablename TABLENAME, -t TABLENAME\n                        Acoustic table name (default: 'main')\n"},
                       action{"list", "usage: {name} list [-h] [--tablename TABLENAME]\n", "", true,
                              "\noptions:\n  -h, --help            show this help message and exit\n"
                              "  --tablename TABLENAME, -t TABLENAME\n                        Acoustic table name (default: 'main')\n"}}},
    script{.program = "acoustic_newsletters_mapping",
           .group = "newsletter-mappings",
           .description = "Manage Acoustic Newsletter mapping",
           .actions = {
               action{"add", "usage: {run} add \"test-pilot:sub_new_test_pilot\" \n", "mapping", false,
                      "\npositional arguments:\n  mapping     Add newsletter mapping specified as 'source:destination'\n\n"
                      "options:\n  -h, --help  show this help message and exit\n"},
               action{"remove", "usage: {run} remove \"test-pilot\" \n", "source", false,
                      "\npositional arguments:\n  source      Remove newsletter mapping with specified 'source'\n\n"
                      "options:\n  -h, --help  show this help message and exit\n"},
               action{"list", "usage: {name} list [-h]\n", "", false, "\noptions:\n  -h, --help  show this help message and exit\n"}}}};

const script* find_script(std::string_view program) {
    if (program.ends_with(".py")) program.remove_suffix(3);
    const auto* const found = std::find_if(scripts.begin(), scripts.end(), [&](const auto& one) { return one.program == program; });
    return found == scripts.end() ? nullptr : found;
}

const action* find_action(const script& of, std::string_view name) {
    const auto* const found = std::find_if(of.actions.begin(), of.actions.end(), [&](const auto& one) { return one.name == name; });
    return found == of.actions.end() ? nullptr : found;
}

bool looks_like_option(std::string_view word) { return word.size() > 1 && word.front() == '-' && word.find(' ') == std::string_view::npos; }

/// argparse takes the beginning of a long option for the whole.
bool is_short_for(std::string_view word, std::string_view option) { return word.size() > 2 && option.starts_with(word); }

bool is_help(std::string_view word) { return word == "-h" || is_short_for(word, "--help"); }

/// The arguments of an action, as far as they could be read.
struct reading {
    bool help = false;
    std::string problem;
    std::vector<std::string> operands;
    std::optional<std::string> table;
    std::vector<std::string> strange; ///< refused after what is missing
};

/// Reads the words after the name of an action.
class reader {
public:
    reader(const action& of, std::span<const std::string> words) : action_(of), words_(words) {}

    reading read() && {
        while (next_ < words_.size() && !out_.help && out_.problem.empty()) take(words_[next_++]);
        if (!out_.help && out_.problem.empty() && !action_.operand.empty() && out_.operands.empty())
            out_.problem = fmt::format("the following arguments are required: {}", action_.operand);
        return std::move(out_);
    }

private:
    void take(const std::string& word) {
        if (only_operands_ || !looks_like_option(word)) return take_operand(word);
        if (word == "--") {
            only_operands_ = true;
        } else if (is_help(word)) {
            out_.help = true;
        } else if (!action_.takes_table || !take_table(word)) {
            out_.strange.push_back(word);
        }
    }

    void take_operand(const std::string& word) {
        const bool wanted = !action_.operand.empty() && out_.operands.empty();
        (wanted ? out_.operands : out_.strange).push_back(word);
    }

    /// -t X, -tX, --tablename X, --tablename=X. False when the word is another option.
    bool take_table(const std::string& word) {
        const auto equals = word.find('=');
        if (is_short_for(word.substr(0, equals), "--tablename")) {
            if (equals != std::string::npos) return out_.table = word.substr(equals + 1), true;
        } else if (word.starts_with("-t")) {
            if (word.size() > 2) return out_.table = word.substr(equals == 2 ? 3 : 2), true;
        } else {
            return false;
        }
        if (next_ < words_.size() && !looks_like_option(words_[next_])) {
            out_.table = words_[next_++];
        } else {
            out_.problem = "argument --tablename/-t: expected one argument";
        }
        return true;
    }

    const action& action_;
    std::span<const std::string> words_;
    std::size_t next_ = 0;
    bool only_operands_ = false;
    reading out_;
};

/// One call of a script, from its arguments to its exit code.
class script_call {
public:
    script_call(const script& called, std::string_view program, const config::getenv_fn& getenv)
        : script_(called), program_(program), getenv_(getenv) {}

    int run(const std::vector<std::string>& words) const {
        std::vector<std::string> strange;
        auto name = words.begin();
        for (; name != words.end() && looks_like_option(*name) && *name != "--"; ++name) {
            if (is_help(*name)) return print(stdout, main_usage), print(stdout, main_help), support::ok;
            strange.push_back(*name);
        }
        if (name != words.end() && *name == "--") ++name;
        if (name == words.end()) return strange.empty() ? perform(*find_action(script_, "list"), {}) : refuse_strange(strange);
        const auto* chosen = find_action(script_, *name);
        if (chosen == nullptr)
            return refuse(fmt::format("argument action: invalid choice: '{}' (choose from 'add', 'remove', 'list')", *name));
        auto given = reader(*chosen, {name + 1, words.end()}).read();
        if (given.help) return print(stdout, chosen->usage), print(stdout, chosen->help), support::ok;
        if (!given.problem.empty()) {
            print(stderr, chosen->usage);
            support::print_to_stderr(fmt::format("{} {}: error: {}\n", program_, chosen->name, printable_lines(given.problem)));
            return usage_error;
        }
        strange.insert(strange.end(), given.strange.begin(), given.strange.end());
        return strange.empty() ? perform(*chosen, std::move(given)) : refuse_strange(strange);
    }

private:
    void print(std::FILE* to, const char* text) const {
        const auto by_hand = program_.ends_with(".py") ? fmt::format("python {}", program_) : std::string(program_);
        const auto filled = fmt::format(fmt::runtime(text), fmt::arg("name", program_), fmt::arg("run", by_hand),
                                        fmt::arg("description", script_.description));
        to == stderr ? support::print_to_stderr(filled) : fmt::print("{}", filled);
    }

    int refuse(std::string_view problem) const {
        print(stderr, main_usage);
        support::print_to_stderr(fmt::format("{}: error: {}\n", program_, printable_lines(problem)));
        return usage_error;
    }

    int refuse_strange(const std::vector<std::string>& strange) const {
        return refuse(fmt::format("unrecognized arguments: {}", fmt::join(strange, " ")));
    }

    int perform(const action& chosen, reading given) const {
        invocation call;
        call.operands = std::move(given.operands);
        call.flags.insert("allow-unknown"); // the Python service takes any name
        // The scripts' list shows all tables, whatever it is given.
        if (given.table && chosen.name != "list") call.values["tablename"] = *given.table;
        return run_call(script_.group, chosen.name, call, getenv_);
    }

    const script& script_;
    std::string_view program_;
    const config::getenv_fn& getenv_;
};

} // namespace

bool is_script(std::string_view program) { return find_script(program) != nullptr; }

std::optional<int> run_script(std::string_view program, const std::vector<std::string>& arguments, const config::getenv_fn& getenv) {
    const auto* called = find_script(program);
    if (called == nullptr) return std::nullopt;
    return script_call(*called, program, getenv).run(arguments);
}

} // namespace ctms::cli
