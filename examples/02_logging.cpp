// SPDX-License-Identifier: MPL-2.0
// Logging in a service of your own: MozLog lines, from which addresses are taken out whatever is logged.
// Usage: 02_logging
#include <ctms/mozlog/logger.hpp>
#include <ctms/privacy/redact.hpp>

#include <unistd.h>

#include <iostream>

namespace mozlog = ctms::mozlog;
namespace privacy = ctms::privacy;

namespace {

void log_request(mozlog::logger& log, std::string_view path, std::string_view cookie) {
    // Building fields costs time: ask first where lines are many and seldom wanted.
    if (!log.enabled(mozlog::severity::info)) return;
    mozlog::fields members;
    members.add("path", path); // passes redact_text, as every text does
    // What is secret by its name is for you to say; there is the like for query and path parameters.
    members.add("cookie", privacy::redact_header("cookie", cookie));
    members.add("status", 200).add_seconds("t", 0.063);
    log.log(mozlog::severity::info, "shop.request", members, "Request finished");
}

} // namespace

int main() {
    mozlog::options options; // json = false makes lines for people
    options.logger_name = "shop";
    options.hostname = "example";
    options.level = mozlog::severity::info;
    // One logger for a process, for all threads. Its end writes what is queued.
    mozlog::logger log(options, mozlog::make_descriptor_sink(STDOUT_FILENO));

    log_request(log, "/hello/jane@example.com", "session=42");
    log.log(mozlog::severity::warning, "shop.mail", "No answer from jane%40example.com");
    log.log(mozlog::severity::debug, "shop.mail", "Not severe enough to be written");

    // Owners can ask to be traced, by a mark in their address: those stay.
    log_request(log, "/hello/jane+trace_me_mozilla_123@example.com", "");

    // The same for text that goes elsewhere.
    if (!log.flush(std::chrono::seconds(1))) return 1; // lets the lines above come first
    std::cout << privacy::redact_text("From: jane@example.com, to: joe@example.org") << '\n';
    return 0;
}
