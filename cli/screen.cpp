// SPDX-License-Identifier: MPL-2.0
#include "screen.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>

namespace ctms::cli {
namespace {

constexpr std::string_view enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"; // alternate screen, no cursor, no wrapping
constexpr std::string_view leave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

bool put(std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

} // namespace

screen::screen() {
    if (::isatty(STDOUT_FILENO) == 0) throw std::runtime_error("standard output is not a terminal");
    termios now{};
    if (::tcgetattr(STDIN_FILENO, &now) == 0) {
        before_ = now;
        now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        now.c_cc[VSUSP] = _POSIX_VDISABLE; // suspending would not restore the terminal
        now.c_cc[VQUIT] = _POSIX_VDISABLE;
        now.c_cc[VMIN] = 1;
        now.c_cc[VTIME] = 0;
        ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    put(enter);
}

screen::~screen() {
    put(leave);
    if (before_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &*before_);
}

screen::size screen::now() {
    winsize found{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) == 0 && found.ws_col > 0 && found.ws_row > 0) return {found.ws_col, found.ws_row};
    return {80, 24};
}

bool screen::draw(const std::vector<std::string>& lines) {
    // Writes everything at once, without a line feed after the last line, which would scroll the screen.
    std::string out = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool strong = i == 0 || i + 1 == lines.size();
        if (i > 0) out += "\r\n";
        out += strong ? "\x1b[7m" + lines[i] + "\x1b[0m" : lines[i];
        out += "\x1b[K";
    }
    return put(out + "\x1b[J");
}

std::optional<std::string> screen::keys() {
    std::string out;
    std::array<char, 64> part{};
    pollfd waiting{STDIN_FILENO, POLLIN, 0};
    while (::poll(&waiting, 1, 0) > 0) {
        const auto count = ::read(STDIN_FILENO, part.data(), part.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return out.empty() ? std::nullopt : std::optional(out);
        out.append(part.data(), static_cast<std::size_t>(count));
    }
    return out;
}

} // namespace ctms::cli
