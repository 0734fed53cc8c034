// SPDX-License-Identifier: MPL-2.0
// Turns a line of the log into an event for Sentry. Pure. Takes only the fields that are listed here, because an event must not contain
// personal data: not the path, the query, the headers, the client's address or the body of a request.
#pragma once

#include <ctms/mozlog/logger.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ctms::support {

/// What is the same in all events of a process.
struct sentry_origin {
    std::string program{};     ///< "ctms-web"
    std::string environment{}; ///< "production"
    std::string release{};     ///< "ctms@0.1.0+0123456789ab"
    std::string server_name{}; ///< name of the machine or pod
};

/// Returns an envelope with one event (https://develop.sentry.dev/sdk/foundations/transport/envelopes/,
/// https://develop.sentry.dev/sdk/foundations/transport/event-payloads/). `id` has 32 hex digits. `left_out` is the number of events that
/// could not be sent before this one. Throws only std::bad_alloc.
[[nodiscard]] std::string sentry_envelope(const mozlog::record& line, const sentry_origin& from, std::string_view id,
                                          std::uint64_t left_out);

} // namespace ctms::support
