// SPDX-License-Identifier: MPL-2.0
// Registers the metrics of all requests that the API's description lists. They start at 0, so that rates and alerts count
// the first request.
#pragma once

#include <ctms/model/api_client.hpp>

#include <vector>

namespace ctms::support {
class prometheus_metrics;
}

namespace ctms::web {

/// Registers each described call with each of its statuses; calls that need a token also for each enabled client ("none" if no client is).
void expect_known_requests(support::prometheus_metrics& metrics, const std::vector<model::api_client>& clients);

} // namespace ctms::web
