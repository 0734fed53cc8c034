// SPDX-License-Identifier: MPL-2.0
// What one client may take of the server. Plain data; the defaults are those of docs/configuration.md.
#pragma once

#include <chrono>
#include <cstddef>

namespace ctms::web {

struct limits {
    std::size_t header_bytes = 16 * 1024;           ///< of one request, trailers included: 431
    std::size_t body_bytes = 1024 * 1024;           ///< of one request: 413
    std::size_t memory_bytes = 128 * 1024 * 1024;   ///< large bodies and unread answers, a quarter for one address: 503
    std::chrono::milliseconds header_time{10'000};  ///< to send the headers, and for the handshake of TLS: 408, then close
    std::chrono::milliseconds body_time{30'000};    ///< to send the body: 408, then close
    std::chrono::milliseconds write_time{30'000};   ///< to read the answer: close
    std::chrono::milliseconds idle_time{75'000};    ///< between two requests: close
    std::size_t connections = 1'000;                ///< at once; the longest idle one makes room, else 503, then close
    std::size_t connections_of_address = 1'000;     ///< the same for one address, CTMS_CONNECTIONS_PER_ADDRESS if that is less; 429
    std::size_t ops_connections = 100;              ///< at once on the port for probes and metrics
    std::size_t waiting = 1'024;                    ///< requests that wait for a thread: 503
    std::chrono::milliseconds waiting_time{30'000}; ///< and how long one may wait: 503
    std::chrono::milliseconds drain_time{30'000};   ///< to finish what is under way after stop()
    std::chrono::milliseconds drain_idle_time{500}; ///< for a request that is on its way when stop() comes
};

} // namespace ctms::web
