// SPDX-License-Identifier: MPL-2.0
#include "response_head.hpp"

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/fields.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace ctms::http {

std::string to_text(const response_head& head) {
    boost::beast::http::fields::writer writer(head, head.version(), head.result_int());
    const auto parts = writer.get();
    std::string out;
    for (const auto part : boost::beast::buffers_range_ref(parts)) out.append(static_cast<const char*>(part.data()), part.size());
    return out;
}

std::string http_date() { return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))); }

} // namespace ctms::http
