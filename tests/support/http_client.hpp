// SPDX-License-Identifier: MPL-2.0
// A small HTTP client for tests. It sends bytes exactly as given and returns parsed answers. One connection per object; not
// thread safe. Every wait ends after 30 seconds with std::runtime_error.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::test {

using header_list = std::vector<std::pair<std::string, std::string>>;

struct http_answer {
    int status = 0;
    header_list headers; ///< names in lower case
    std::string body;
    bool keep_alive = false;

    /// The value of a header; "" if it is missing.
    [[nodiscard]] std::string header(std::string_view lower_case_name) const;
    [[nodiscard]] bool has_header(std::string_view lower_case_name) const;
};

/// The text of a request. Adds Host, and Content-Length if there is a body.
[[nodiscard]] std::string request_text(std::string_view method, std::string_view target, const header_list& headers = {},
                                       std::string_view body = {});

class http_connection {
public:
    /// Connects to 127.0.0.1.
    explicit http_connection(std::uint16_t port);
    ~http_connection();
    http_connection(const http_connection&) = delete;
    http_connection& operator=(const http_connection&) = delete;

    /// Sends the bytes. False when the server has closed the connection.
    bool send(std::string_view bytes);
    /// Reads one answer. `to_head`: the answer is to a HEAD request and has no body.
    [[nodiscard]] http_answer receive(bool to_head = false);
    /// Sends a request and reads its answer. Checks an answer of ctms-web with its OpenAPI document (api_document.hpp).
    http_answer ask(std::string_view method, std::string_view target, const header_list& headers = {}, std::string_view body = {});

    /// True when the server closes the connection before `limit` without sending another byte.
    [[nodiscard]] bool ends_within(std::chrono::milliseconds limit);
    /// True when there is something to read or the connection has ended.
    [[nodiscard]] bool has_input(std::chrono::milliseconds limit);
    /// Shuts down sending; answers can still be read.
    void finish_sending();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// Sends one request on a new connection.
http_answer ask(std::uint16_t port, std::string_view method, std::string_view target, const header_list& headers = {},
                std::string_view body = {});

} // namespace ctms::test
