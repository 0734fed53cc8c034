// SPDX-License-Identifier: MPL-2.0
// Reads Prometheus' text format (version 0.0.4) far enough to watch a server: samples with their labels, sums over series,
// and quantiles of histograms. Comments, types and time stamps are passed over. Plain values.
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

    /// "" without it.
    [[nodiscard]] std::string_view label(std::string_view wanted) const;
};

/// Buckets of a histogram by their upper bound, each with all that lies below it.
using metric_buckets = std::map<double, double>;

class metrics_text {
public:
    using filter = std::function<bool(const metric_sample&)>;

    /// errc::malformed, with the number of the line, for what is no such text.
    [[nodiscard]] static result<metrics_text> parse(std::string_view text);

    [[nodiscard]] const std::vector<metric_sample>& samples() const { return samples_; }
    /// The sum over the series of that name; nullopt when there is none.
    [[nodiscard]] std::optional<double> sum(std::string_view name, const filter& wanted = {}) const;
    /// The buckets of a histogram ("x", not "x_bucket"), added up over its series.
    [[nodiscard]] metric_buckets buckets(std::string_view name, const filter& wanted = {}) const;

private:
    std::vector<metric_sample> samples_;
};

/// How much a counter grew; one that is smaller than before began again.
[[nodiscard]] double growth(double before, double now);
/// The same for all buckets.
[[nodiscard]] metric_buckets growth(const metric_buckets& before, const metric_buckets& now);

/// The value below which the share `q` (0 to 1) lies, as Prometheus' histogram_quantile estimates it; nullopt when nothing was
/// counted. What lies beyond the last bound counts as that bound.
[[nodiscard]] std::optional<double> quantile(double q, const metric_buckets& buckets);

} // namespace ctms::cli
