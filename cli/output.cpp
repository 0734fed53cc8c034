// SPDX-License-Identifier: MPL-2.0
#include "output.hpp"

#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>
#include <support/standard_streams.hpp>

#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace ctms::cli {
namespace {

std::string to_line(const std::vector<std::string>& row, const std::vector<std::size_t>& widths) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
        line += row[i];
        if (i + 1 < row.size()) line.append(widths[i] - utf8_length(row[i]) + 2, ' ');
    }
    return line;
}

} // namespace

bool has_colors() {
    static const bool colors = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    return colors;
}

std::string bold(std::string_view text) { return has_colors() ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text); }

void complain_text(std::string_view text) { support::print_to_stderr(fmt::format("ctms-admin: {}\n", printable_lines(text))); }

void print_text(std::string_view text) { fmt::print("{}\n", printable_lines(text)); }

std::string for_output(std::string text, bool is_json) {
    static const bool terminal = isatty(STDOUT_FILENO) == 1;
    if (!terminal) return text;
    return is_json ? printable_json(std::move(text)) : printable_lines(text);
}

void print_json(std::string json) { fmt::print("{}\n", for_output(std::move(json), true)); }

void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& cells) {
    auto rows = cells;
    for (auto& row : rows) std::transform(row.begin(), row.end(), row.begin(), [](const std::string& cell) { return printable(cell); });
    std::vector<std::size_t> widths(header.size());
    const auto widen = [&](const std::vector<std::string>& row) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], utf8_length(row[i]));
    };
    widen(header);
    std::for_each(rows.begin(), rows.end(), widen);
    fmt::print("{}\n", bold(to_line(header, widths)));
    for (const auto& row : rows) fmt::print("{}\n", to_line(row, widths));
}

bool confirm(std::string_view question) {
    if (isatty(STDIN_FILENO) == 0) return false;
    std::cout << printable(question) << " [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return ascii_iequal(answer, "y") || ascii_iequal(answer, "yes");
}

std::string shell_quote(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out += '\'';
}

} // namespace ctms::cli
