// SPDX-License-Identifier: MPL-2.0
// The head of a response (RFC 9112, 4), written into one text, because each response needs one. Not thread safe; throws only
// std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ctms::http {

class response_head {
public:
    /// Begins with the status line of HTTP/1.1 and the field Date.
    explicit response_head(int status);

    /// Adds a field. Name and value are not checked, so they must be valid (RFC 9110, 5.5).
    void add(std::string_view name, std::string_view value);
    /// Adds the length of a body that is written as it is.
    void add_length(std::size_t bytes);
    /// Says that the body is written in chunks.
    void add_chunked();

    /// Whether the body is written in chunks.
    [[nodiscard]] bool is_chunked() const noexcept { return is_chunked_; }

    /// The head with the empty line after it.
    [[nodiscard]] std::string text() const { return text_ + "\r\n"; }

private:
    std::string text_;
    bool is_chunked_ = false;
};

} // namespace ctms::http
