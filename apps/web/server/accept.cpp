// SPDX-License-Identifier: MPL-2.0
#include "accept.hpp"

#include <ctms/base/utf8.hpp>
#include <support/list_items.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace ctms::web {
namespace {

using support::next_item;

/// How closely a media range matches a media type: 3 by its full name, 2 by `type/*`, 1 by `*/*`, 0 not at all.
int closeness(std::string_view range, std::string_view type) {
    if (ascii_iequal(range, type)) return 3;
    if (range == "*/*") return 1;
    const auto slash = type.find('/') + 1;
    return range.ends_with("/*") && ascii_iequal(range.substr(0, range.size() - 1), type.substr(0, slash)) ? 2 : 0;
}

/// The closest match for a media type among the ranges of all Accept headers, and its weight.
struct choice {
    int closeness = 0;
    double weight = 0;
};

choice choice_of(const request& http, std::string_view type) {
    choice best;
    for (const auto& [name, value] : http.headers) {
        if (name != "accept") continue;
        for (std::string_view rest = value; !rest.empty();) {
            auto item = next_item(rest, ',');
            const auto close = closeness(next_item(item, ';'), type);
            if (close > best.closeness) best = {close, weight_of(item)};
        }
    }
    return best;
}

} // namespace

double weight_of(std::string_view parameters) noexcept {
    while (!parameters.empty()) {
        const auto one = next_item(parameters, ';');
        if (!one.starts_with("q=") && !one.starts_with("Q=")) continue;
        double weight = 1;
        std::from_chars(one.data() + 2, one.data() + one.size(), weight, std::chars_format::fixed);
        return std::isnan(weight) ? 1 : std::clamp(weight, 0.0, 1.0); // from_chars accepts "nan", which is not a valid weight
    }
    return 1;
}

bool prefers(const request& http, std::string_view wanted, std::string_view usual) noexcept {
    constexpr int by_name = 3;
    const auto asked = choice_of(http, wanted);
    return asked.closeness == by_name && asked.weight > 0 && asked.weight >= choice_of(http, usual).weight;
}

} // namespace ctms::web
