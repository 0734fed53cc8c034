// SPDX-License-Identifier: MPL-2.0
// The standard process metrics (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics), read from
// /proc when they are collected. Metrics that cannot be read are left out. Thread safe.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace ctms::support {

class process_metrics final : public prometheus::Collectable {
public:
    [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
};

} // namespace ctms::support
