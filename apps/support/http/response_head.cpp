// SPDX-License-Identifier: MPL-2.0
#include "response_head.hpp"

#include <boost/beast/http/status.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace ctms::http {
namespace {

/// The current time in the form of the field Date (RFC 9110, 5.6.7), which changes once a second.
std::string_view date_now() {
    thread_local std::time_t second = -1;
    thread_local std::string text;
    if (const auto now = std::time(nullptr); now != second) {
        text = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(now));
        second = now;
    }
    return text;
}

} // namespace

response_head::response_head(int status) {
    constexpr std::size_t usual_size = 512;
    const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    text_.reserve(usual_size);
    text_.append("HTTP/1.1 ").append(fmt::format_int(status).c_str()).append(" ").append(reason.data(), reason.size()).append("\r\n");
    add("Date", date_now());
}

void response_head::add(std::string_view name, std::string_view value) { text_.append(name).append(": ").append(value).append("\r\n"); }

void response_head::add_length(std::size_t bytes) {
    const fmt::format_int digits(bytes);
    add("Content-Length", {digits.data(), digits.size()});
}

void response_head::add_chunked() {
    is_chunked_ = true;
    add("Transfer-Encoding", "chunked");
}

} // namespace ctms::http
