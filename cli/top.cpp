// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "interrupts.hpp"
#include "output.hpp"
#include "screen.hpp"
#include "top_reader.hpp"

#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>
#include <thread>

namespace ctms::cli {
namespace {

constexpr std::size_t columns_of_text = 80;
constexpr std::size_t lines_of_text = 60;

/// Takes two readings and prints the comparison. The exit code says whether the server answered.
int show_once(invocation& call, top_reader& reader, std::chrono::milliseconds interval) {
    const auto before = reader.read();
    if (before.web.value || before.sync.value) std::this_thread::sleep_for(interval);
    const auto view = compare(before, reader.read());
    if (call.json) {
        print_json(to_json(view));
    } else {
        for (const auto& line : draw(view, columns_of_text, lines_of_text, {})) fmt::print("{}\n", line);
    }
    return view.now.web.value ? support::ok : support::unavailable;
}

std::vector<std::string> picture(const std::optional<top_view>& view, const snapshot& first, std::chrono::milliseconds interval) {
    const auto [columns, lines] = screen::now();
    const auto hint = fmt::format("q quits; every {} s", static_cast<double>(interval.count()) / 1000);
    if (view) return draw(*view, columns, lines, hint);
    return {fmt::format("ctms-admin top  {}", first.url).substr(0, columns), "Reading ...", hint.substr(0, columns)};
}

/// Shows updates until q is pressed, a signal arrives, or the terminal is gone.
int show_live(top_reader& reader, const snapshot& first, std::chrono::milliseconds interval) {
    const interrupts signals(true);
    // In this order, so that the terminal is restored before the destructor of the feed waits for a reading in progress.
    top_feed feed(reader, interval);
    screen page;
    std::optional<top_view> view;
    while (!interrupts::requested()) {
        if (!page.draw(picture(view, first, interval))) break;
        std::array<pollfd, 3> waiting{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals.descriptor(), POLLIN, 0},
                                      pollfd{feed.descriptor(), POLLIN, 0}};
        (void)::poll(waiting.data(), waiting.size(), -1);
        signals.clear();
        if (waiting[0].revents != 0) {
            const auto keys = screen::keys();
            if (!keys || keys->find_first_of("qQ") != std::string::npos) break;
        }
        if (auto newer = feed.take()) view = std::move(newer);
    }
    return support::ok;
}

int watch(invocation& call, top_reader& reader, const std::string& url, std::chrono::milliseconds interval) {
    if (call.has("once") || call.json || isatty(STDOUT_FILENO) == 0) return show_once(call, reader, interval);
    snapshot first;
    first.url = url;
    return show_live(reader, first, interval);
}

} // namespace

int top(invocation& call) {
    const auto interval = call.number("interval", 2, 1, 3600);
    if (!interval) return fail_usage(interval.error().message, "top");
    const auto held = support::prepare_database(call.settings);
    if (!held) return fail_to_prepare(held.error());
    const auto url = call.value("url").value_or(call.settings.server_prefix);
    try {
        top_reader reader(url, call.value("sync-url").value_or(""), support::database_options(call.settings));
        return watch(call, reader, url, std::chrono::seconds(*interval));
    } catch (const std::invalid_argument& wrong) {
        return fail_usage(wrong.what(), "top");
    }
}

} // namespace ctms::cli
