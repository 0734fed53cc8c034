// SPDX-License-Identifier: MPL-2.0
// A client of POST /ctms/bulk that sends lines and reads results at the same time. Not thread safe. Waits end after a minute with
// std::runtime_error.
#pragma once

#include <support/http_client.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

class bulk_client {
public:
    /// Connects and sends the head of a request with a chunked body.
    bulk_client(std::uint16_t port, const header_list& headers, std::string_view target = "/ctms/bulk");
    ~bulk_client();
    bulk_client(const bulk_client&) = delete;
    bulk_client& operator=(const bulk_client&) = delete;

    /// Sends bytes as one chunk. False if the server has closed the connection or does not read.
    bool send(std::string_view bytes);
    /// Sends a part of a chunk's text, or anything else, as it is.
    bool send_raw(std::string_view bytes);
    /// Sends bytes as long as the server takes them without a pause of `patience`. Returns how many it took.
    std::size_t send_while_taken(std::string_view bytes, std::chrono::milliseconds patience);
    /// Ends the body.
    bool finish() { return send_raw("0\r\n\r\n"); }

    /// The next line of the response, parsed; nullopt at its end. Throws if the connection breaks before that.
    [[nodiscard]] std::optional<boost::json::object> next();
    /// All lines that are left.
    [[nodiscard]] std::vector<boost::json::object> rest();
    /// Whether a line arrives before `limit`.
    [[nodiscard]] bool has_line(std::chrono::milliseconds limit);
    /// The status, once the head has arrived.
    [[nodiscard]] int status();
    /// True when the server resets or closes the connection before `limit`, whatever it sends before.
    [[nodiscard]] bool ends_within(std::chrono::milliseconds limit);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::test
