// SPDX-License-Identifier: MPL-2.0
#include "prometheus_text.hpp"

#include <prometheus/text_serializer.h>

#include <string_view>
#include <utility>

namespace ctms::support {

const prometheus::Histogram::BucketBoundaries& duration_buckets() {
    static const prometheus::Histogram::BucketBoundaries bounds{0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0};
    return bounds;
}

std::string prometheus_text(const std::vector<prometheus::MetricFamily>& families) {
    auto text = prometheus::TextSerializer().Serialize(families);
    for (const auto& [written, wanted] :
         {std::pair{"le=\"1\"", "le=\"1.0\""}, std::pair{"le=\"5\"", "le=\"5.0\""}, std::pair{"le=\"10\"", "le=\"10.0\""}}) {
        const std::string_view find = written;
        for (auto at = text.find(find); at != std::string::npos; at = text.find(find, at + find.size()))
            text.replace(at, find.size(), wanted);
    }
    return text;
}

} // namespace ctms::support
