// SPDX-License-Identifier: MPL-2.0
// One connection to an HTTP server, TCP or TLS, for one request after the other. For one thread at a time. Every call returns
// by its deadline. Operations run on the connection's own io_context, in the calling thread. Private to net.
#pragma once

#include "server_url.hpp"
#include <ctms/net/http_client.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <chrono>
#include <optional>
#include <string_view>
#include <variant>

namespace ctms::net {

using deadline = std::chrono::steady_clock::time_point;
using http_message = boost::beast::http::request<boost::beast::http::string_body>;

class http_connection {
public:
    /// `server` must outlive the connection. `tls` is used if the URL starts with https. Throws std::exception if the process
    /// has no more file descriptors.
    http_connection(const server_url& server, boost::asio::ssl::context& tls);

    /// Connects, and does the TLS handshake. Must be called once, before anything else. Fails as http_outcome does. With `public_only`, it
    /// tries only those addresses of the host that are public.
    [[nodiscard]] result<void> open(deadline until, bool public_only = false);

    /// Sends a request and reads the response. After a failure or an exception the connection must be destroyed.
    [[nodiscard]] http_outcome exchange(const http_message& message, deadline until, std::size_t longest_body);

    /// Whether another request may be sent: the server keeps the connection open and sent nothing after the response.
    [[nodiscard]] bool can_be_kept() const noexcept { return can_be_kept_; }
    /// Whether any byte of the response arrived in the last exchange.
    [[nodiscard]] bool answer_began() const noexcept { return answer_began_; }
    /// False if the server has closed the connection in the meantime, as far as this side knows.
    [[nodiscard]] bool is_alive();

private:
    using error_code = boost::system::error_code;
    using tcp_stream = boost::asio::ip::tcp::socket;
    using tls_stream = boost::beast::ssl_stream<tcp_stream>;

    /// The error of an operation, if any, and how many bytes it transferred.
    struct outcome {
        error_code ec;
        std::size_t bytes = 0;
    };
    struct completion;

    template <class Start>
    outcome run(deadline until, Start start);
    tcp_stream& socket();
    error_code connect_any(const std::vector<boost::asio::ip::tcp::endpoint>& endpoints, deadline until);
    result<void> shake_hands(deadline until);
    http_outcome receive(bool to_head, deadline until, std::size_t longest_body);
    error_code read_some(deadline until);
    error_code write(std::string_view bytes, deadline until);

    const server_url& server_;
    boost::asio::io_context io_{1};
    std::variant<std::monostate, tcp_stream, tls_stream> stream_;
    boost::beast::flat_buffer buffer_;
    bool can_be_kept_ = false;
    bool answer_began_ = false;
};

} // namespace ctms::net
