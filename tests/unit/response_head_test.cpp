// SPDX-License-Identifier: MPL-2.0
#include <support/http/response_head.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <string>

using ctms::http::response_head;

namespace {

/// The text with a 9 in place of each digit.
std::string without_digits(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; }, '9');
    return text;
}

} // namespace

TEST_CASE("a head has the status line, the date and the fields in the order in which they were added") {
    response_head head(404);
    head.add("X-One", "a");
    head.add("X-One", "b");
    head.add_length(1234);
    const auto text = head.text();
    constexpr std::string_view begin = "HTTP/1.1 404 Not Found\r\nDate: ";
    CHECK(text.starts_with(begin));
    CHECK(text.substr(text.find("\r\nX-One")) == "\r\nX-One: a\r\nX-One: b\r\nContent-Length: 1234\r\n\r\n");
    CHECK_FALSE(head.is_chunked());
}

TEST_CASE("the date has the form that HTTP wants") {
    auto text = without_digits(response_head(200).text());
    const auto comma = text.find(", ");
    REQUIRE(comma != std::string::npos);
    CHECK(text.substr(comma + 2, 3) == "99 ");
    CHECK(text.substr(comma + 8) == " 9999 99:99:99 GMT\r\n\r\n"); // after the month
    CHECK(text.substr(comma - 9, 6) == "Date: ");
}

TEST_CASE("a head says that the body is written in chunks") {
    response_head head(200);
    head.add_chunked();
    CHECK(head.is_chunked());
    CHECK(head.text().ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n"));
}
