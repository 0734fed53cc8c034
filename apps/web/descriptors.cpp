// SPDX-License-Identifier: MPL-2.0
#include "descriptors.hpp"

#include <algorithm>

namespace ctms::web {
namespace {

/// The descriptors that are open in addition to client connections.
std::size_t other_descriptors(const config::settings& settings) {
    constexpr std::size_t files = 64;         // the log, listening sockets, event queues, certificates, calls to Google
    constexpr std::size_t turned_away = 64;   // per port: connections that are told that there are too many
    constexpr std::size_t of_the_process = 3; // database connections for heartbeats, the drain of the inbox, and event streams
    const auto of_a_pool = static_cast<std::size_t>(settings.db_pool_size) + static_cast<std::size_t>(settings.db_max_overflow);
    const std::size_t ports = settings.ops_port ? 2 : 1;
    const std::size_t pools = settings.db_read_url ? 2 : 1;
    return files + ports * turned_away + pools * of_a_pool + of_the_process;
}

std::size_t streams_of(const limits& bounds, const config::settings& settings) {
    return std::min(bounds.event_streams, static_cast<std::size_t>(settings.event_streams));
}

std::size_t clients_of(const limits& bounds, const config::settings& settings) {
    return bounds.connections + streams_of(bounds, settings) + (settings.ops_port ? bounds.ops_connections : 0);
}

} // namespace

std::size_t descriptors_needed(const limits& bounds, const config::settings& settings) {
    return clients_of(bounds, settings) + other_descriptors(settings);
}

limits fit_to_descriptors(limits bounds, const config::settings& settings, std::size_t descriptors) {
    if (descriptors >= descriptors_needed(bounds, settings)) return bounds;
    constexpr std::size_t fewest = 16;
    constexpr std::size_t fewest_for_probes = 4;
    constexpr std::size_t part_for_probes = 10; // a tenth
    const auto left = descriptors - std::min(descriptors, other_descriptors(settings));
    const auto wanted = bounds.connections;
    const auto for_probes = std::min(bounds.ops_connections, std::max(left / part_for_probes, fewest_for_probes));
    bounds.ops_connections = for_probes;
    constexpr std::size_t part_for_streams = 4; // a quarter
    bounds.event_streams = std::min(streams_of(bounds, settings), left / part_for_streams);
    const auto taken = bounds.event_streams + (settings.ops_port ? for_probes : 0);
    bounds.connections = std::min(wanted, std::max(left - std::min(left, taken), fewest));
    const auto of_address = std::min(bounds.connections_of_address, static_cast<std::size_t>(settings.connections_per_address));
    bounds.connections_of_address = std::max<std::size_t>(of_address * bounds.connections / wanted, 1);
    return bounds;
}

} // namespace ctms::web
