// SPDX-License-Identifier: MPL-2.0
// Reads the parts of Prometheus' text format (version 0.0.4) that are needed to watch a server: samples with labels, sums over
// series, and quantiles of histograms. Ignores comments, types and timestamps. Plain values.
#pragma once

#include <ctms/base/result.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::cli {

struct metric_sample {
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;

    /// The value of a label; "" if there is none.
    [[nodiscard]] std::string_view label(std::string_view wanted) const;
};

/// The buckets of a histogram by upper bound, with cumulative counts.
using metric_buckets = std::map<double, double>;

class metrics_text {
public:
    using filter = std::function<bool(const metric_sample&)>;

    /// Parses metrics. Returns errc::malformed with the line number if the text is not in this format.
    [[nodiscard]] static result<metrics_text> parse(std::string_view text);

    [[nodiscard]] const std::vector<metric_sample>& samples() const { return samples_; }
    /// The sum of all series with this name that match the filter; nullopt if there are none.
    [[nodiscard]] std::optional<double> sum(std::string_view name, const filter& wanted = {}) const;
    /// The buckets of a histogram ("x", not "x_bucket"), summed over all of its series that match the filter.
    [[nodiscard]] metric_buckets buckets(std::string_view name, const filter& wanted = {}) const;

private:
    std::vector<metric_sample> samples_;
};

/// How much a counter grew. A counter that is smaller than before was reset to 0 in between.
[[nodiscard]] double growth(double before, double now);
/// How much the counts of all buckets grew.
[[nodiscard]] metric_buckets growth(const metric_buckets& before, const metric_buckets& now);

/// The `q`-quantile (`q` from 0 to 1), estimated like Prometheus' histogram_quantile; nullopt if nothing was counted.
/// Values beyond the last finite bound count as that bound.
[[nodiscard]] std::optional<double> quantile(double q, const metric_buckets& buckets);

} // namespace ctms::cli
