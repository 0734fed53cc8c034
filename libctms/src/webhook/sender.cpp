// SPDX-License-Identifier: MPL-2.0
#include "sender.hpp"

#include <auth/webhook_signature.hpp>
#include <net/public_address.hpp>
#include <net/server_url.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <stdexcept>

namespace ctms::webhook {
namespace {

using std::chrono::seconds;

/// The URL without its query.
std::string_view place_of(std::string_view url) { return url.substr(0, url.find('?')); }
std::string_view query_of(std::string_view url) { return url.substr(std::min(url.find('?'), url.size())); }

net::http_options options_of(const model::webhook& hook, std::chrono::milliseconds timeout) {
    net::http_options out;
    out.timeout = timeout;
    out.most_idle = 1;
    out.longest_body = longest_answer;
    out.public_addresses_only = !hook.allow_private_address;
    return out;
}

/// Reads a date such as "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
std::optional<timestamp> read_http_date(std::string_view text) {
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    constexpr std::size_t size = 29;
    if (text.size() != size || !text.ends_with(" GMT")) return std::nullopt;
    int day = 0;
    std::array<char, 4> name{};
    int year = 0;
    int hours = 0;
    int minutes = 0;
    int rest = 0;
    if (std::sscanf(std::string(text).c_str(), "%*3s, %2d %3s %4d %2d:%2d:%2d", &day, name.data(), &year, &hours, &minutes, &rest) != 6)
        return std::nullopt;
    const auto* const month = std::find(months.begin(), months.end(), std::string_view(name.data()));
    const date when(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month - months.begin()) + 1),
                    std::chrono::day(static_cast<unsigned>(day)));
    if (!when.ok()) return std::nullopt;
    return std::chrono::sys_days(when) + std::chrono::hours(hours) + std::chrono::minutes(minutes) + seconds(rest);
}

outcome outcome_of(const net::http_response& answer) {
    outcome out;
    out.status = answer.status;
    out.text = fmt::format("the receiver responded with status {}", answer.status);
    if (answer.status / 100 == 2) {
        out.what = outcome_kind::delivered;
        return out;
    }
    out.what = outcome_kind::status;
    if (answer.status / 100 == 3) out.text += "; redirects are not followed";
    // The receiver's own clock, if it says what that shows: then it does not matter whether ours is right.
    out.retry_after = read_retry_after(answer.header("retry-after"), read_http_date(answer.header("date")).value_or(now()));
    return out;
}

outcome outcome_of(const error& failure) {
    outcome out;
    out.text = failure.detail;
    if (out.text.starts_with("timed out")) out.what = outcome_kind::timeout;
    if (out.text.starts_with("certificate") || out.text.starts_with("TLS")) out.what = outcome_kind::certificate;
    if (out.text.starts_with("the address is not public")) out.what = outcome_kind::not_public;
    return out;
}

} // namespace

result<void> check_url(const model::webhook& hook) {
    constexpr std::size_t longest = 2'000;
    const auto& url = hook.url;
    if (url.size() > longest) return invalid(fmt::format("the URL has more than {} characters", longest));
    if (std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c > '~'; }))
        return invalid("the URL contains a blank or a character outside ASCII: encode it with %");
    if (url.find('#') != std::string::npos) return invalid("the URL has a fragment (#...), which would not be sent");
    try {
        const auto server = net::parse_server_url(place_of(url));
        if (!server.tls && !hook.allow_http) return invalid("the URL must begin with https://; --allow-http permits http://");
        if (!hook.allow_private_address && net::is_special_address(server.host))
            return invalid("the address in the URL is not public; --allow-private-address permits it");
    } catch (const std::invalid_argument& wrong) {
        return invalid(wrong.what());
    }
    return {};
}

std::optional<seconds> read_retry_after(std::string_view value, timestamp now) {
    if (value.empty()) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    auto wait = seconds(number);
    if (end != value.data() + value.size() || number < 0) {
        const auto until = read_http_date(value);
        if (!until) return std::nullopt;
        wait = std::chrono::ceil<seconds>(*until - now);
    } else if (problem != std::errc()) { // more digits than fit
        wait = longest_retry_after;
    }
    return std::clamp<seconds>(wait, seconds(0), longest_retry_after);
}

sender::sender(const model::webhook& hook, std::chrono::milliseconds timeout)
    : target_(query_of(hook.url)), client_(place_of(hook.url), options_of(hook, timeout)) {
    if (const auto good = check_url(hook); !good) throw std::invalid_argument(good.error().message);
}

outcome sender::send(std::string_view id, const std::string& body, std::span<const std::string> secrets) {
    const auto when = std::chrono::duration_cast<seconds>(now().time_since_epoch()).count();
    std::string signatures;
    for (const auto& secret : secrets) (signatures += signatures.empty() ? "" : " ") += auth::sign_webhook(secret, id, when, body);
    const auto answer = client_.send({.method = "POST",
                                      .target = target_,
                                      .headers = {{"Content-Type", "application/json"},
                                                  {"webhook-id", std::string(id)},
                                                  {"webhook-timestamp", fmt::to_string(when)},
                                                  {"webhook-signature", signatures}},
                                      .body = body});
    return answer ? outcome_of(*answer) : outcome_of(answer.error());
}

} // namespace ctms::webhook
