// SPDX-License-Identifier: MPL-2.0
// The server's limits on what clients may use. Plain data; docs/configuration.md lists the defaults.
#pragma once

#include <chrono>
#include <cstddef>

namespace ctms::web {

struct limits {
    std::size_t header_bytes = 16 * 1024;           ///< headers and trailers of one request; beyond: 431
    std::size_t body_bytes = 1024 * 1024;           ///< body of one request; beyond: 413
    std::size_t memory_bytes = 128 * 1024 * 1024;   ///< large bodies and unread responses, a quarter of it for one address; beyond: 503
    std::chrono::milliseconds header_time{10'000};  ///< to send the headers, and for the TLS handshake; then 408 and close
    std::chrono::milliseconds body_time{30'000};    ///< to send the body; then 408 and close
    std::chrono::milliseconds write_time{30'000};   ///< to read the response; then close
    std::chrono::milliseconds event_pause{15'000};  ///< longest silence on an event stream; then a comment is sent
    std::chrono::milliseconds idle_time{75'000};    ///< between two requests; then close
    std::size_t connections = 1'000;                ///< open connections; then the longest idle one is closed, or the new one gets 503
    std::size_t connections_of_address = 1'000;     ///< the same for one address, at most CTMS_CONNECTIONS_PER_ADDRESS; beyond: 429
    std::size_t event_bytes = 32 * 1024 * 1024;     ///< unread events of all streams, half of it for one address; beyond: cut off
    std::size_t event_streams = 10'000;             ///< open event streams, at most CTMS_EVENT_STREAMS; these are not in `connections`
    std::size_t ops_connections = 100;              ///< open connections on the port for probes and metrics
    std::size_t waiting = 1'024;                    ///< requests that wait for a thread; beyond: 503
    std::chrono::milliseconds waiting_time{30'000}; ///< how long a request may wait for a thread; then 503
    std::chrono::milliseconds drain_time{30'000};   ///< to finish the requests in progress after stop()
    std::chrono::milliseconds drain_idle_time{500}; ///< how long an idle connection stays open after stop()
};

} // namespace ctms::web
