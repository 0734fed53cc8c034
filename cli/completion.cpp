// SPDX-License-Identifier: MPL-2.0
// Completion: the scripts of all shells ask the program itself, which knows its commands and the values in the database.
#include "commands.hpp"
#include "help.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/model/api_client.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/acoustic_configuration.hpp>
#include <ctms/service/api_clients.hpp>
#include <ctms/service/webhooks.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace ctms::cli {
namespace {

using words = std::vector<std::string>;

constexpr std::string_view files = ":files"; // tells the script to complete the names of files

constexpr auto bash_script = R"(# bash completion of ctms-admin
_ctms_admin() {
    local line word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
        elif [[ $line == "$word"* ]]; then
            COMPREPLY+=("$line")
        fi
    done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o filenames -F _ctms_admin ctms-admin
)";

constexpr auto zsh_script = R"(#compdef ctms-admin
_ctms_admin() {
    local line
    local -a found
    for line in "${(@f)$("${(Q)words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        if [[ $line == :files ]]; then _files; elif [[ -n $line ]]; then found+=("$line"); fi
    done
    compadd -a found
}
_ctms_admin "$@"
)";

constexpr auto fish_script = R"(# fish completion of ctms-admin
function __ctms_admin_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c ctms-admin -f -a '(__ctms_admin_complete)'
)";

/// Calls `read(db)` and returns its names. Nothing if the database does not answer at once: completion must not get in the way.
words from_database(const config::getenv_fn& getenv, bool embedded, const auto& read) {
    auto settings = config::read(config::program::admin, embedded, getenv);
    if (!settings.mistakes.empty()) return {};
    const auto held = support::prepare_database(settings.values, false);
    if (!held) return {};
    auto options = support::database_options(settings.values);
    options.connect_timeout = std::chrono::seconds(1);
    options.statement_timeout = std::chrono::seconds(1);
    persistence::database db(options);
    return read(db);
}

words clients_in(persistence::database& db) {
    words out;
    const auto all = service::api_clients(db).list();
    if (!all) return out;
    for (const auto& one : *all) out.push_back(one.client_id);
    return out;
}

words webhooks_in(persistence::database& db) {
    words out;
    const auto all = service::webhooks(db).list();
    if (!all) return out;
    for (const auto& one : *all) out.push_back(one.name);
    return out;
}

words newsletters_in(persistence::database& db) {
    words out;
    const auto all = service::acoustic_configuration(db).read();
    if (!all) return out;
    for (const auto& [source, destination] : all->newsletter_mappings) out.push_back(source);
    return out;
}

words tables_in(persistence::database& db) {
    words out;
    const auto all = service::acoustic_configuration(db).read();
    if (!all) return out;
    for (const auto& [table, fields] : all->sync_fields) out.push_back(table);
    return out;
}

/// The values of an operand or option with this name.
words values_of(const command& of, std::string_view name, std::string_view value, const config::getenv_fn& getenv, bool embedded) {
    if (value.find("FILE") != std::string_view::npos) return {std::string(files)};
    if (name == "role") return {model::role_names.begin(), model::role_names.end()};
    if (name == "format") return {"ndjson", "csv"};
    if (value == "SHELL") return {"bash", "zsh", "fish"};
    if (name == "tablename") return from_database(getenv, embedded, tables_in);
    if (name == "newsletter" || (of.group == "newsletter-mappings" && value == "SOURCE"))
        return from_database(getenv, embedded, newsletters_in);
    const bool names_client = name == "client" || (value == "NAME" && name.empty() && (of.group == "token" || of.group == "clients"));
    if (names_client && of.name != "create") return from_database(getenv, embedded, clients_in);
    if (of.group == "webhooks" && name.empty() && value.find("NAME") != std::string_view::npos)
        return from_database(getenv, embedded, webhooks_in);
    if (name == "events") return {"created", "updated", "deleted"};
    if (name == "include") return {"contact"};
    return {};
}

const option* find_option(const command& of, std::string_view word) {
    const auto found = std::find_if(of.options.begin(), of.options.end(), [&](const option& one) {
        const std::string_view name(one.name);
        const auto comma = name.find(',');
        return word == "--" + std::string(name.substr(0, comma)) ||
               (comma != std::string_view::npos && word == "-" + std::string(name.substr(comma + 1)));
    });
    return found == of.options.end() ? nullptr : &*found;
}

/// What may follow the words of a command; the last word is incomplete.
words candidates(const words& given, const config::getenv_fn& getenv) {
    const auto last = given.empty() ? std::string() : given.back();
    words plain;
    bool embedded = false;
    for (std::size_t i = 0; i + 1 < given.size(); ++i) {
        embedded = embedded || given[i] == "--embedded";
        if (!given[i].starts_with('-')) plain.push_back(given[i]);
    }
    if (plain.empty()) {
        auto out = group_names();
        for (const auto* flag : {"help", "--embedded", "--json", "--version", "--help"}) out.emplace_back(flag);
        return out;
    }
    if (plain.front() == "help") {
        if (plain.size() == 1) return group_names();
        return plain.size() == 2 ? command_names(plain[1]) : words();
    }
    auto names = command_names(plain.front());
    if (!names.empty() && plain.size() == 1 && !last.starts_with('-')) {
        names.emplace_back("--help");
        return names;
    }
    const auto name = names.empty() ? std::string_view() : plain.size() > 1 ? std::string_view(plain[1]) : default_command(plain.front());
    const auto all = all_commands();
    const auto of =
        std::find_if(all.begin(), all.end(), [&](const command& one) { return one.group == plain.front() && one.name == name; });
    if (of == all.end()) return {};
    const auto before = given.size() > 1 ? find_option(*of, given[given.size() - 2]) : nullptr;
    if (before != nullptr && *before->value != '\0') {
        const std::string_view full(before->name);
        return values_of(*of, full.substr(0, full.find(',')), before->value, getenv, embedded);
    }
    if (!last.starts_with('-') && !of->operands.empty()) return values_of(*of, {}, of->operands, getenv, embedded);
    words out;
    for (const auto& one : of->options)
        out.push_back("--" + std::string(std::string_view(one.name).substr(0, std::string_view(one.name).find(','))));
    out.insert(out.end(), {"--json", "--help"});
    return out;
}

} // namespace

int print_completion(invocation& call) {
    const auto& shell = call.operands.front();
    for (const auto& [name, script] : {std::pair{"bash", bash_script}, std::pair{"zsh", zsh_script}, std::pair{"fish", fish_script}}) {
        if (shell != name) continue;
        if (!call.json) return fmt::print("{}", script), support::ok;
        std::string out;
        object_writer writer(out);
        writer.add("shell", name);
        writer.add("script", script);
        writer.close();
        print_json(out);
        return support::ok;
    }
    return fail_usage(fmt::format("'{}' is not a supported shell: bash, zsh or fish", shell), "completion");
}

int complete(const std::vector<std::string>& arguments, const config::getenv_fn& getenv) {
    const bool marked = !arguments.empty() && arguments.front() == "--";
    const words given(arguments.begin() + (marked ? 1 : 0), arguments.end());
    const auto last = given.empty() ? std::string() : given.back();
    for (const auto& one : candidates(given, getenv)) {
        if (one == files || one.starts_with(last)) fmt::print("{}\n", one);
    }
    return support::ok;
}

} // namespace ctms::cli
