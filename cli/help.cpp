// SPDX-License-Identifier: MPL-2.0
#include "help.hpp"

#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/version.hpp>
#include <support/exit_codes.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace ctms::cli {
namespace {

constexpr std::array global_options{option{"embedded", "", "use the embedded database, in CTMS_DATA_DIR (default ./ctms-data)"},
                                    option{"json", "", "print JSON"}, option{"version", "", "print the version"},
                                    option{"help,h", "", "print this text, or the text of a group or command"}};

constexpr std::array exit_codes{
    std::pair{support::ok, "done"},
    std::pair{support::failed, "not done, or the check failed"},
    std::pair{support::usage, "wrong usage"},
    std::pair{support::bad_data, "some of the data is wrong or does not exist; the valid part was processed"},
    std::pair{support::no_input, "a file cannot be read"},
    std::pair{support::no_user, "an address or id belongs to no contact; the others were processed"},
    std::pair{support::unavailable, "the database cannot be reached"},
    std::pair{support::internal, "an unexpected failure (a defect, or lack of memory); standard error says which"},
    std::pair{support::io_error, "standard output cannot be written (changes were made nevertheless), or a report cannot be written (the "
                                 "message says whether anything was done)"},
    std::pair{support::temporary, "stopped early: run the same command again"},
    std::pair{support::configuration,
              "the configuration has mistakes, the schema is not up to date, or the database account lacks a right"}};

constexpr auto purpose = "Administers CTMS. Works on the database of CTMS_DB_URL, or on the embedded one (--embedded, or CTMS_DATA_DIR).";

/// "-e, --email ADDRESS"
std::string spelling(const option& one) {
    const std::string_view name(one.name);
    const auto comma = name.find(',');
    const auto short_form = comma == std::string_view::npos ? std::string() : fmt::format("-{}, ", name.substr(comma + 1));
    return fmt::format("{}--{}{}{}", short_form, name.substr(0, comma), *one.value == '\0' ? "" : " ", one.value);
}

/// "clients create NAME --email ADDRESS [--disabled]"
std::string synopsis(const command& one) {
    auto out = fmt::format("{}{}{}", one.group, one.name.empty() ? "" : " ", one.name);
    if (!one.operands.empty()) out += fmt::format(" {}", one.operands);
    for (const auto& each : one.options) {
        const std::string_view name(each.name);
        const auto text = fmt::format("--{}{}{}", name.substr(0, name.find(',')), *each.value == '\0' ? "" : " ", each.value);
        out += each.required ? " " + text : fmt::format(" [{}]{}", text, each.repeatable ? "..." : "");
    }
    return out;
}

void print_options(std::span<const option> list, std::string_view indent) {
    for (const auto& one : list) fmt::print("{}{:<26} {}\n", indent, spelling(one), one.text);
}

/// Returns the lines of a text, each changed by `change(line)`.
template <class Change>
std::string each_line(std::string_view text, Change change) {
    std::string out;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        out += change(text.substr(0, end)) + '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

/// The lines of a text, each with the indent of a command's summary.
std::string indented(std::string_view text) {
    return each_line(text, [](std::string_view line) { return fmt::format("      {}", line); });
}

void print_command(const command& one) {
    fmt::print("  {}\n      {}\n", bold(synopsis(one)), one.summary);
    print_options(one.options, "      ");
    if (one.more != nullptr) fmt::print("{}", indented(one.more()));
    fmt::print("      example: ctms-admin {}\n", one.example);
}

std::vector<const command*> chosen_commands(std::string_view group, std::string_view name) {
    std::vector<const command*> out;
    for (const auto& one : all_commands()) {
        if (!group.empty() && one.group != group) continue;
        if (!name.empty() && !one.name.empty() && one.name != name) continue;
        out.push_back(&one);
    }
    return out;
}

void add_option(std::string& to, const option& one) {
    const std::string_view name(one.name);
    object_writer writer(to);
    writer.add("name", fmt::format("--{}", name.substr(0, name.find(','))));
    writer.add("value", one.value);
    writer.add("text", one.text);
    writer.add("required", one.required);
    writer.add("repeatable", one.repeatable);
    writer.close();
}

/// Escapes text for troff: dashes stay dashes, and no line looks like a request.
std::string troff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '-') {
            out += "\\-";
        } else if (c == '\\') {
            out += "\\e";
        } else if (c == '\'' || (c == '.' && out.empty())) {
            out += fmt::format("\\&{}", c);
        } else {
            out += c;
        }
    }
    return out;
}

std::string troff_lines(std::string_view text) { return each_line(text, troff); }

} // namespace

void print_help(std::string_view group, std::string_view name) {
    fmt::print("Usage: ctms-admin [--embedded] [--json] COMMAND ...\n{}\n\n", purpose);
    for (const auto* one : chosen_commands(group, name)) print_command(*one);
    fmt::print("\nOptions:\n");
    print_options(global_options, "  ");
    fmt::print("\nExit codes:\n");
    for (const auto& [code, meaning] : exit_codes) fmt::print("  {:<3} {}\n", static_cast<int>(code), meaning);
}

void print_help_json(std::string_view group, std::string_view name) {
    std::string out;
    append_json_array(out, chosen_commands(group, name), [](std::string& to, const command* one) {
        object_writer writer(to);
        writer.add("command", std::string_view(fmt::format("{}{}{}", one->group, one->name.empty() ? "" : " ", one->name)));
        writer.add("operands", one->operands);
        writer.add("summary", one->summary);
        writer.add("example", std::string_view(fmt::format("ctms-admin {}", one->example)));
        append_json_array(writer.key("options"), one->options, add_option);
        writer.close();
    });
    print_json(out);
}

std::vector<std::string> group_names() {
    std::vector<std::string> out;
    for (const auto& one : all_commands()) {
        if (std::find(out.begin(), out.end(), one.group) == out.end()) out.emplace_back(one.group);
    }
    return out;
}

std::vector<std::string> command_names(std::string_view group) {
    std::vector<std::string> out;
    for (const auto& one : all_commands()) {
        if (one.group == group && !one.name.empty()) out.emplace_back(one.name);
    }
    return out;
}

int print_manual(invocation& call) {
    if (call.json) return print_help_json({}, {}), support::ok;
    fmt::print(".TH CTMS\\-ADMIN 1 \"\" \"CTMS {}\" \"CTMS\"\n"
               ".SH NAME\nctms\\-admin \\- administer the ConTact Management System\n"
               ".SH SYNOPSIS\n.B ctms\\-admin\n[\\-\\-embedded] [\\-\\-json] COMMAND ...\n"
               ".SH DESCRIPTION\n{}\n.SH COMMANDS\n",
               version(), troff(purpose));
    for (const auto& one : all_commands()) {
        fmt::print(".TP\n.B {}\n{}.\n", troff(synopsis(one)), troff(one.summary));
        for (const auto& each : one.options) fmt::print(".RS\n.TP\n.B {}\n{}\n.RE\n", troff(spelling(each)), troff(each.text));
        if (one.more != nullptr) fmt::print(".IP\n{}", troff_lines(one.more()));
        fmt::print(".IP\nExample:\n.B ctms\\-admin {}\n", troff(one.example));
    }
    fmt::print(".SH OPTIONS\n");
    for (const auto& each : global_options) fmt::print(".TP\n.B {}\n{}\n", troff(spelling(each)), troff(each.text));
    fmt::print(".SH EXIT STATUS\n");
    for (const auto& [code, meaning] : exit_codes) fmt::print(".TP\n.B {}\n{}\n", static_cast<int>(code), troff(meaning));
    fmt::print(
        ".SH ENVIRONMENT\nThe settings of CTMS, which\n.B ctms\\-web \\-\\-help\nlists; in particular CTMS_DB_URL and CTMS_DATA_DIR.\n"
        "NO_COLOR: print without colours.\n.br\n"
        "SSL_CERT_FILE: a PEM file with the certificates of the CAs that\n.B request\nand\n.B top\ntrust, instead of those of the "
        "system.\n");
    return support::ok;
}

} // namespace ctms::cli
