// SPDX-License-Identifier: MPL-2.0
// Reads one HTTP/1.x response from the bytes that a server sent, without a socket: Beast does the parsing, this class enforces
// limits and framing rules. Trailers and interim responses (1xx) are read and dropped. For one response and one thread.
// Throws only std::bad_alloc. Private to net.
#pragma once

#include <ctms/net/http_client.hpp>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::net {

/// The parser of one message: stores the header fields and the body, and refuses a message if the end of its body is
/// ambiguous (RFC 9112, 6.3; RFC 9110, 8.6).
class answer_parser final : public boost::beast::http::basic_parser<false> {
public:
    [[nodiscard]] http_response& answer() noexcept { return answer_; }
    [[nodiscard]] const http_response& answer() const noexcept { return answer_; }
    [[nodiscard]] std::size_t chunks() const noexcept { return chunks_; }

private:
    using error_code = boost::system::error_code;
    using string_view = boost::beast::string_view;
    using field = boost::beast::http::field;

    void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&) override {}
    void on_response_impl(int status, string_view reason, int version, error_code& ec) override;
    void on_field_impl(field known, string_view name, string_view value, error_code& ec) override;
    void on_header_impl(error_code& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(string_view body, error_code& ec) override;
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override { ++chunks_; }
    std::size_t on_chunk_body_impl(std::uint64_t remain, string_view body, error_code& ec) override;
    void on_finish_impl(error_code&) override {}

    http_response answer_;
    std::optional<std::string> length_;   ///< Content-Length, as sent
    std::optional<std::string> encoding_; ///< Transfer-Encoding, as sent
    std::size_t chunks_ = 0;
    int version_ = 11;
    bool in_trailer_ = false; ///< the header is complete; fields that follow are trailer fields
};

class answer_reader {
public:
    /// The most bytes that are not part of the body: status lines, header and trailer fields, of the response and of interim
    /// responses, and anything in chunks except their sizes and data.
    static constexpr std::size_t most_overhead = 64 * 1024;
    /// The most interim responses before the response.
    static constexpr int most_interim = 16;

    /// `to_head`: the request had the method HEAD, so the response has no body. `longest_body` is in bytes.
    answer_reader(bool to_head, std::size_t longest_body);

    /// Takes bytes in the order of their arrival and returns how many it used. The caller must pass the others again, followed
    /// by the next ones. Must not be called after is_done(). Errors are those of Beast's parser; header_limit and body_limit if
    /// a limit is exceeded. After an error the reader must not be used.
    [[nodiscard]] std::size_t put(std::string_view bytes, boost::system::error_code& ec);
    /// The server closed the connection. Completes a response whose body ends there; an error for any other response.
    void put_end(boost::system::error_code& ec);

    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    /// Whether the server keeps the connection open. Only after is_done().
    [[nodiscard]] bool keeps_connection() const;
    /// Returns the response. May be called once, after is_done().
    [[nodiscard]] http_response release();

private:
    void start();
    void check_bounds(std::size_t unused, boost::system::error_code& ec) const;

    const bool to_head_;
    const std::size_t longest_body_;
    std::optional<answer_parser> parser_;
    std::size_t used_ = 0; ///< bytes that the parsers have taken
    int interim_ = 0;
    bool is_done_ = false;
};

} // namespace ctms::net
