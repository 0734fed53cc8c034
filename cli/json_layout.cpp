// SPDX-License-Identifier: MPL-2.0
#include "json_layout.hpp"

#include <algorithm>

namespace ctms::cli {
namespace {

void break_line(std::string& out, std::size_t depth) {
    out += '\n';
    out.append(depth * 2, ' ');
}

/// The position after the string that begins at `at`.
std::size_t end_of_string(std::string_view json, std::size_t at) {
    for (++at; at < json.size() && json[at] != '"'; ++at) {
        if (json[at] == '\\') ++at;
    }
    return std::min(at + 1, json.size());
}

} // namespace

std::string lay_out_json(std::string_view json) {
    std::string out;
    std::size_t depth = 0;
    for (std::size_t at = 0; at < json.size(); ++at) {
        const char c = json[at];
        if (c == '"') {
            const auto end = end_of_string(json, at);
            out += json.substr(at, end - at);
            at = end - 1;
        } else if (c == '{' || c == '[') {
            const auto next = json.find_first_not_of(" \t\r\n", at + 1);
            const bool empty = next != std::string_view::npos && (json[next] == '}' || json[next] == ']');
            out += c;
            if (empty) {
                out += json[next];
                at = next;
            } else {
                break_line(out, ++depth);
            }
        } else if (c == '}' || c == ']') {
            break_line(out, depth > 0 ? --depth : 0);
            out += c;
        } else if (c == ',') {
            out += c;
            break_line(out, depth);
        } else if (c == ':') {
            out += ": ";
        } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            out += c;
        }
    }
    return out;
}

} // namespace ctms::cli
