// SPDX-License-Identifier: MPL-2.0
#include "client_limits.hpp"

#include <ctms/service/api_clients.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string_view>

namespace ctms::cli {
namespace {

/// A time that the rate of a limit can name, and its length.
struct rate_window {
    std::string_view name;
    std::chrono::seconds length;
};
constexpr std::array rate_windows{rate_window{"s", std::chrono::seconds(1)}, rate_window{"min", std::chrono::minutes(1)},
                                  rate_window{"h", std::chrono::hours(1)}};

/// "100/s"; a window that has no name is in seconds: "5/10s"
std::string rate_text(const model::request_rate& rate) {
    for (const auto& known : rate_windows) {
        if (known.length == rate.window) return fmt::format("{}/{}", rate.requests, known.name);
    }
    return fmt::format("{}/{}s", rate.requests, rate.window.count());
}

/// Reads "100/s" with the default burst: what the rate allows in a second.
result<model::request_rate> read_rate(const std::string& text) {
    const auto slash = std::min(text.find('/'), text.size());
    const auto name = std::string_view(text).substr(std::min(slash + 1, text.size()));
    const auto* const window = std::find_if(rate_windows.begin(), rate_windows.end(), [&](const auto& one) { return one.name == name; });
    int requests = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + slash, requests);
    if (window == rate_windows.end() || problem != std::errc() || end != text.data() + slash || requests < 1 ||
        requests > service::highest_limit) {
        return malformed(fmt::format("--rate takes a number from 1 to {} and a time, such as 100/s, 600/min or 1000/h, not '{}'",
                                     service::highest_limit, text));
    }
    return model::request_rate{requests, window->length, std::max(1, requests / static_cast<int>(window->length.count()))};
}

} // namespace

std::string limits_text(const model::client_limits& limits) {
    std::string out;
    if (limits.rate) out = fmt::format("{}, {} at once", rate_text(*limits.rate), limits.rate->burst);
    if (limits.concurrency) out += fmt::format("{}{} at the same time", out.empty() ? "" : ", ", *limits.concurrency);
    return out.empty() ? "none" : out;
}

void add_limits(object_writer& writer, const model::client_limits& limits) {
    if (!limits.rate && !limits.concurrency) return void(writer.add_null("limits"));
    object_writer members(writer.key("limits"));
    if (limits.rate) {
        members.add("requests", std::int64_t{limits.rate->requests});
        members.add("seconds", std::int64_t{limits.rate->window.count()});
        members.add("burst", std::int64_t{limits.rate->burst});
    }
    if (limits.concurrency) members.add("concurrency", std::int64_t{*limits.concurrency});
    members.close();
}

result<model::client_limits> read_limits(const invocation& call) {
    model::client_limits out;
    if (const auto text = call.value("rate")) {
        const auto rate = read_rate(*text);
        if (!rate) return rate.error();
        out.rate = *rate;
        const auto burst = call.number("burst", rate->burst, 1, service::highest_limit);
        if (!burst) return burst.error();
        out.rate->burst = static_cast<int>(*burst);
    } else if (call.value("burst")) {
        return malformed("--burst needs --rate");
    }
    if (call.value("concurrency")) {
        const auto concurrency = call.number("concurrency", 1, 1, service::highest_limit);
        if (!concurrency) return concurrency.error();
        out.concurrency = static_cast<int>(*concurrency);
    }
    return out;
}

} // namespace ctms::cli
