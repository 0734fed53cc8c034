// SPDX-License-Identifier: MPL-2.0
#include "mozlog/format.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace ctms::mozlog {
namespace {

struct level_look {
    std::string_view word;
    std::string_view color;
};

level_look look_of(severity level) noexcept {
    switch (level) {
    case severity::critical: return {"CRIT", "\x1b[1;31m"};
    case severity::error: return {"ERROR", "\x1b[31m"};
    case severity::warning: return {"WARN", "\x1b[33m"};
    case severity::info: return {"INFO", "\x1b[32m"};
    case severity::debug: return {"DEBUG", "\x1b[36m"};
    }
    return {"?", ""};
}

// The length of the JSON value at the beginning of `json`, which ends at a comma outside strings and brackets.
std::size_t value_length(std::string_view json) noexcept {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string && c == '\\') {
            ++i;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string) {
            if (c == ',' && depth == 0) return i;
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        }
    }
    return json.size();
}

// Removes the quotes of a string that is one plain word.
std::string_view without_quotes(std::string_view json) noexcept {
    if (!json.starts_with('"')) return json;
    const auto inside = json.substr(1, json.size() - 2);
    const bool plain = !inside.empty() && inside.find_first_of(" =\"\\") == std::string_view::npos;
    return plain ? inside : json;
}

void append_members(std::string& out, std::string_view members) {
    while (!members.empty()) {
        const auto member = members.substr(0, value_length(members));
        const auto name_end = member.find("\":");
        out += ' ';
        append_printable(out, member.substr(1, name_end - 1));
        out += '=';
        append_printable(out, without_quotes(member.substr(name_end + 2)));
        members.remove_prefix(std::min(member.size() + 1, members.size()));
    }
}

} // namespace

std::string json_line(const record& what, const options& opts, int pid) {
    using std::chrono::nanoseconds;
    constexpr std::size_t around = 256; // for the text around the members
    std::string out;
    out.reserve(what.members.size() + what.message.size() + around);
    object_writer line(out);
    line.add("Timestamp", std::int64_t{std::chrono::duration_cast<nanoseconds>(what.when.time_since_epoch()).count()});
    line.add("Type", what.type);
    line.add("Logger", std::string_view(opts.logger_name));
    line.add("Hostname", std::string_view(opts.hostname));
    line.add("EnvVersion", "2.0");
    line.add("Severity", static_cast<int>(what.level));
    line.add("Pid", pid);
    std::string& members = line.key("Fields");
    members += '{';
    members += what.members;
    members += what.members.empty() ? "\"msg\":" : ",\"msg\":";
    append_json_string(members, what.message);
    members += '}';
    line.close();
    out = printable_json(std::move(out));
    return out += '\n';
}

std::string console_line(const record& what, bool color) {
    const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(what.when);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
    const auto [word, paint] = look_of(what.level);
    std::string out = fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03} ", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                                  (milliseconds - seconds).count());
    out += color ? fmt::format("{}{:<5}\x1b[0m ", paint, word) : fmt::format("{:<5} ", word);
    append_printable(out, what.type);
    out += ' ';
    append_printable(out, what.message);
    append_members(out, what.members);
    return out += '\n';
}

} // namespace ctms::mozlog
