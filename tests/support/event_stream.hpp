// SPDX-License-Identifier: MPL-2.0
// A client of an event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html) as in a browser: it keeps the last id, and
// the time to wait before it connects again. Not thread safe. Throws std::runtime_error if it cannot connect, or if the answer is not HTTP.
#pragma once

#include "http_client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::test {

struct server_event {
    std::string type; ///< "message" unless the server names another one
    std::string data;
    std::string id; ///< the last id that the server has sent
};

class event_stream {
public:
    /// Sends the request and reads the head of the answer. `headers` are added to Accept. `http_1_0`: asks with HTTP/1.0.
    event_stream(std::uint16_t port, std::string_view target, const header_list& headers, bool http_1_0 = false);
    ~event_stream();
    event_stream(const event_stream&) = delete;
    event_stream& operator=(const event_stream&) = delete;

    [[nodiscard]] int status() const { return status_; }
    /// The head of the answer, with names as the server writes them.
    [[nodiscard]] const std::string& head() const { return head_; }
    /// The body so far of an answer that is not a stream of events; reads to its end or until `limit`.
    [[nodiscard]] std::string body(std::chrono::milliseconds limit = std::chrono::seconds(10));

    /// The next event; nullopt if none comes before `limit`, or if the stream ends.
    [[nodiscard]] std::optional<server_event> next(std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// True when the stream ends before `limit`. Drops events.
    [[nodiscard]] bool ends_within(std::chrono::milliseconds limit);
    /// Whether the answer ended as HTTP requires: with the last chunk, or without chunks with the end of the connection.
    [[nodiscard]] bool is_whole() const { return is_whole_; }

    [[nodiscard]] const std::string& last_id() const { return last_id_; }
    [[nodiscard]] std::size_t comments() const { return comments_; }
    [[nodiscard]] std::optional<int> retry() const { return retry_; }

private:
    bool read_more(std::chrono::steady_clock::time_point until);
    void take_chunks();
    std::optional<server_event> take_event();

    int socket_ = -1;
    bool ended_ = false;
    bool is_whole_ = false;
    bool is_chunked_ = false;
    int status_ = 0;
    std::string head_;
    std::string raw_;  ///< received, with chunks
    std::string text_; ///< without chunks
    std::string data_;
    std::string type_;
    std::string id_;
    std::string last_id_;
    std::size_t comments_ = 0;
    std::optional<int> retry_;
};

} // namespace ctms::test
