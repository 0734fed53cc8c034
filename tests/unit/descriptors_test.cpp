// SPDX-License-Identifier: MPL-2.0
#include <web/descriptors.hpp>

#include <doctest/doctest.h>

using namespace ctms::web;

namespace {

ctms::config::settings settings_with(bool ops_port, bool replica) {
    ctms::config::settings out;
    if (ops_port) out.ops_port = 8001;
    if (replica) out.db_read_url = "postgresql://replica/ctms";
    return out;
}

} // namespace

TEST_CASE("the connection limits are kept if there are enough descriptors") {
    for (const bool ops_port : {false, true}) {
        for (const bool replica : {false, true}) {
            const auto settings = settings_with(ops_port, replica);
            const limits bounds;
            const auto needed = descriptors_needed(bounds, settings);
            CHECK(needed > bounds.connections + (ops_port ? bounds.ops_connections : 0));
            CHECK(needed < 1'900);
            const auto same = fit_to_descriptors(bounds, settings, needed);
            CHECK(same.connections == bounds.connections);
            CHECK(same.ops_connections == bounds.ops_connections);
            CHECK(same.event_streams == bounds.event_streams);
            CHECK(same.connections_of_address == bounds.connections_of_address);
            const auto fewer = fit_to_descriptors(bounds, settings, needed - 1);
            CHECK(fewer.connections + fewer.event_streams < bounds.connections + static_cast<std::size_t>(settings.event_streams));
        }
    }
    CHECK(descriptors_needed({}, settings_with(true, true)) > descriptors_needed({}, settings_with(true, false)));
    CHECK(descriptors_needed({}, settings_with(true, false)) > descriptors_needed({}, settings_with(false, false)));
}

TEST_CASE("with few descriptors the connections leave room for everything else") {
    for (const bool ops_port : {false, true}) {
        const auto settings = settings_with(ops_port, true);
        const limits bounds;
        const auto streams = static_cast<std::size_t>(settings.event_streams);
        const auto others = descriptors_needed(bounds, settings) - bounds.connections - streams - (ops_port ? bounds.ops_connections : 0);
        for (std::size_t descriptors = 1'100; descriptors >= 300; descriptors -= 50) {
            CAPTURE(descriptors);
            const auto fitted = fit_to_descriptors(bounds, settings, descriptors);
            CHECK(fitted.connections + fitted.event_streams + (ops_port ? fitted.ops_connections : 0) + others <= descriptors);
            CHECK(fitted.connections >= 16);
            CHECK(fitted.ops_connections >= 4);
            CHECK(fitted.connections_of_address <= (fitted.connections + 1) / 2); // as without a low limit: half of the connections
        }
        // Some connections are served even if not everything fits.
        for (const std::size_t descriptors : {0U, 10U, 64U}) {
            CHECK(fit_to_descriptors(bounds, settings, descriptors).connections == 16);
            CHECK(fit_to_descriptors(bounds, settings, descriptors).ops_connections == 4);
            CHECK(fit_to_descriptors(bounds, settings, descriptors).connections_of_address >= 1);
        }
    }
}
