// SPDX-License-Identifier: MPL-2.0
#include "push_gateway.hpp"

#include <chrono>
#include <string>

namespace ctms::sync_app {

push_gateway::push_gateway(std::string_view url) : client_(url, {.timeout = std::chrono::seconds(5)}) {}

result<void> push_gateway::push(std::string_view metrics) {
    const auto answer = client_.send({.method = "PUT",
                                      .target = "/metrics/job/prometheus-pushgateway",
                                      .headers = {{"Content-Type", "text/plain; version=0.0.4"}},
                                      .body = std::string(metrics)});
    if (!answer) return answer.error();
    if (answer->status / 100 != 2) return service_unavailable("the push gateway answered " + std::to_string(answer->status));
    return {};
}

} // namespace ctms::sync_app
