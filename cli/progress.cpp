// SPDX-License-Identifier: MPL-2.0
#include "progress.hpp"

#include <support/standard_streams.hpp>

#include <fmt/core.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ctms::cli {
namespace {

using namespace std::chrono_literals;

/// Formats 1234567 as "1,234,567".
std::string grouped(std::uint64_t number) {
    auto out = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > 0; at -= 3) out.insert(static_cast<std::size_t>(at), ",");
    return out;
}

std::string clock_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
    if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
    return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

int terminal_columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

progress::progress(std::string what, std::optional<std::uint64_t> total)
    : what_(std::move(what)), total_(total), on_terminal_(isatty(STDERR_FILENO) == 1) {}

void progress::set(std::uint64_t done) {
    const auto now = clock::now();
    if (!on_terminal_ || now - began_ < 1s || now - last_draw_ < 100ms) return;
    last_draw_ = now;
    drawn_ = true;
    support::print_to_stderr(fmt::format("\r{}\x1b[K", text(what_, done, total_, now - began_, terminal_columns() - 1)));
}

void progress::erase() {
    if (std::exchange(drawn_, false)) support::print_to_stderr("\r\x1b[K");
}

std::string progress::text(const std::string& what, std::uint64_t done, std::optional<std::uint64_t> total,
                           std::chrono::duration<double> elapsed, int columns) {
    const double rate = elapsed.count() > 0 ? static_cast<double>(done) / elapsed.count() : 0;
    const auto rate_text = fmt::format("{}/s", grouped(static_cast<std::uint64_t>(rate)));
    if (!total || *total == 0) return fmt::format("{}  {}  {}", what, grouped(done), rate_text);
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
    const auto left = rate > 0 ? clock_text(static_cast<double>(*total - std::min(done, *total)) / rate) : "-:--";
    const auto front = fmt::format("{} {:>3.0f}% ", what, std::floor(share * 100));
    const auto back = fmt::format(" {}/{}  {}  {} left", grouped(done), grouped(*total), rate_text, left);
    const int room = columns - static_cast<int>(front.size() + back.size()) - 2;
    if (room < 5) return front + back;
    const auto width = static_cast<std::size_t>(std::min(room, 40));
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
    auto bar = std::string(filled, '=');
    if (filled < width) bar += '>';
    bar.resize(width, ' ');
    return fmt::format("{}[{}]{}", front, bar, back);
}

} // namespace ctms::cli
