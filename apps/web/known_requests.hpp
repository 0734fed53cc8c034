// SPDX-License-Identifier: MPL-2.0
// Which requests can be expected, from the API's description: their metrics start at 0, so that rates and alerts see
// the first one.
#pragma once

#include <ctms/model/api_client.hpp>

#include <vector>

namespace ctms::support {
class prometheus_metrics;
}

namespace ctms::web {

/// Each described call with each of its statuses; calls that need a client also for each enabled client ("none" without any).
void expect_known_requests(support::prometheus_metrics& metrics, const std::vector<model::api_client>& clients);

} // namespace ctms::web
