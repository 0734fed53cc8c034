// SPDX-License-Identifier: MPL-2.0
#include "known_requests.hpp"

#include "openapi/calls.hpp"
#include "server/route.hpp"

#include <support/prometheus_metrics.hpp>

#include <string>

namespace ctms::web {
namespace {

bool needs_client(std::string_view method, std::string_view path) {
    for (const auto& one : all_routes()) {
        if (one.method == method && one.path == path) return one.needs_token();
    }
    return false;
}

std::vector<std::string> enabled_ids(const std::vector<model::api_client>& clients) {
    std::vector<std::string> out;
    for (const auto& client : clients) {
        if (client.enabled) out.push_back(client.client_id);
    }
    if (out.empty()) out.emplace_back("none");
    return out;
}

} // namespace

void expect_known_requests(support::prometheus_metrics& metrics, const std::vector<model::api_client>& clients) {
    const auto ids = enabled_ids(clients);
    for (const auto& id : ids) metrics.expect_client(id);
    for (const auto& call : openapi::shown_calls()) {
        for (const auto& answer : call.answers) {
            metrics.expect_request({call.method, call.path, answer.status, 0, {}});
            if (!needs_client(call.method, call.path)) continue;
            for (const auto& id : ids) metrics.expect_request({call.method, call.path, answer.status, 0, id});
        }
    }
}

} // namespace ctms::web
