// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/push_gateway.hpp>

#include "failure.hpp"
#include <ctms/net/http_client.hpp>

namespace ctms::net {

class push_gateway::impl {
public:
    explicit impl(std::string_view url) : client_(url, {.timeout = std::chrono::seconds(5)}) {}

    result<void> push(std::string_view metrics) {
        const auto answer = client_.send({.method = "PUT",
                                          .target = "/metrics/job/prometheus-pushgateway",
                                          .headers = {{"Content-Type", "text/plain; version=0.0.4"}},
                                          .body = std::string(metrics)});
        if (!answer) return answer.error();
        if (answer->status / 100 != 2) return service_unavailable("the push gateway answered " + std::to_string(answer->status));
        return {};
    }

private:
    http_client client_;
};

push_gateway::push_gateway(std::string_view url) : impl_(std::make_unique<impl>(url)) {}
push_gateway::~push_gateway() = default;

result<void> push_gateway::push(std::string_view metrics) { return impl_->push(metrics); }

} // namespace ctms::net
