// SPDX-License-Identifier: MPL-2.0
// Formats metrics as existing dashboards expect them. Pure functions.
#pragma once

#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace ctms::support {

/// The bucket boundaries of all duration histograms, in seconds.
[[nodiscard]] const prometheus::Histogram::BucketBoundaries& duration_buckets();

/// Text format 0.0.4, with `le="1.0"` where prometheus-cpp writes `le="1"`.
[[nodiscard]] std::string prometheus_text(const std::vector<prometheus::MetricFamily>& families);

} // namespace ctms::support
