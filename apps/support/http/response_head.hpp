// SPDX-License-Identifier: MPL-2.0
// The head of a response as text, so that the sources that write responses need none of Beast's operations, which take long to
// compile. Thread safe; throws only std::bad_alloc.
#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

#include <string>

namespace ctms::http {

/// Status and fields of a response, whose body is written separately.
using response_head = boost::beast::http::response<boost::beast::http::empty_body>;

/// The start line, the fields and the empty line after them.
[[nodiscard]] std::string to_text(const response_head& head);

/// The current time in the form of the field Date (RFC 9110, 5.6.7).
[[nodiscard]] std::string http_date();

} // namespace ctms::http
