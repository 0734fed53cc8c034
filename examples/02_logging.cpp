// SPDX-License-Identifier: MPL-2.0
// Logging in your own service: writes MozLog lines and removes email addresses from everything that is logged.
// Usage: 02_logging
#include <ctms/mozlog/logger.hpp>
#include <ctms/privacy/redact.hpp>

#include <unistd.h>

#include <iostream>

namespace mozlog = ctms::mozlog;
namespace privacy = ctms::privacy;

namespace {

void log_request(mozlog::logger& log, std::string_view path, std::string_view cookie) {
    // Building fields costs time: check first whether frequent lines are written at all.
    if (!log.enabled(mozlog::severity::info)) return;
    mozlog::fields members;
    members.add("path", path); // goes through redact_text(), as every text does
    // Call redact_header() for values that are secret because of their name; there are similar functions for query and path parameters.
    members.add("cookie", privacy::redact_header("cookie", cookie));
    members.add("status", 200).add_seconds("t", 0.063);
    log.log(mozlog::severity::info, "shop.request", members, "Request finished");
}

} // namespace

int main() {
    mozlog::options options; // json = false writes lines for people
    options.logger_name = "shop";
    options.hostname = "example";
    options.level = mozlog::severity::info;
    // Create one logger per process and share it between all threads. Its destructor writes the queued lines.
    mozlog::logger log(options, mozlog::make_descriptor_sink(STDOUT_FILENO));

    log_request(log, "/hello/jane@example.com", "session=42");
    log.log(mozlog::severity::warning, "shop.mail", "No answer from jane%40example.com");
    log.log(mozlog::severity::debug, "shop.mail", "Not severe enough to be written");

    // A person can ask to be traced with a mark in the address; such addresses are logged.
    log_request(log, "/hello/jane+trace_me_mozilla_123@example.com", "");

    // Text that does not go to the log can be redacted too.
    if (!log.flush(std::chrono::seconds(1))) return 1; // makes sure that the lines above come first
    std::cout << privacy::redact_text("From: jane@example.com, to: joe@example.org") << '\n';
    return 0;
}
