// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "interrupts.hpp"
#include "output.hpp"

#include <ctms/json/changes_json.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/change_follower.hpp>
#include <ctms/service/changes.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>

namespace ctms::cli {
namespace {

/// One change as a line for people. It has no address.
std::string line_of(const model::change& change) {
    return fmt::format("{}  {:<7}  {}  {}", to_iso(change.when), json::to_string(change.what), change.email_id.to_string(),
                       change.client.value_or("-"));
}

/// Prints the changes without delay, because people watch them. Returns false if they cannot be written.
bool print(const std::vector<model::change>& changes, bool as_json) {
    std::string lines;
    for (const auto& change : changes) {
        if (as_json) {
            json::write_change(lines, change, false);
            lines += '\n';
        } else {
            print_text(line_of(change));
        }
    }
    lines = for_output(std::move(lines), true);
    return std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

/// `place`: after the last change that was printed.
int follow(service::change_follower& follower, bool as_json, std::optional<model::change_cursor>& place) {
    constexpr int pause_ms = 500;
    const interrupts signals;
    while (!interrupts::requested()) {
        const auto page = follower.next(std::chrono::milliseconds(0));
        if (!page) {
            if (page.error().code != errc::not_found) return fail(page.error());
            complain("{}", page.error().message);
            return support::bad_data;
        }
        if (!print(page->items, as_json)) {
            complain("standard output cannot be written: {}", std::strerror(errno));
            return support::io_error;
        }
        place = follower.place();
        if (page->more) continue;
        pollfd signal{signals.descriptor(), POLLIN, 0};
        (void)::poll(&signal, 1, pause_ms);
    }
    return support::ok;
}

} // namespace

int changes_follow(invocation& call) {
    service::follow_options options;
    if (const auto after = call.value("after")) {
        options.after = json::read_change_cursor(*after);
        if (!options.after) return fail_usage("--after is not a cursor of the feed", "changes");
    }
    persistence::database db(support::database_options(call.settings));
    service::changes feed(db);
    service::change_follower follower(feed, options);
    auto place = options.after;
    const auto code = follow(follower, call.json, place);
    if (place) complain("go on with --after {}", json::write_cursor(*place));
    return code;
}

} // namespace ctms::cli
