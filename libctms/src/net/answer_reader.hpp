// SPDX-License-Identifier: MPL-2.0
// Reads one HTTP/1.x answer out of the bytes that a server sent, without a socket: parsing by Beast, bounds and framing rules
// by this class. Trailers and interim answers (1xx) are read and dropped. For one answer and one thread. Throws
// std::bad_alloc only. Private to net.
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

/// The parser of one message: keeps the header fields and the body, and refuses what leaves the end of the body open to
/// interpretation (RFC 9112, 6.3; RFC 9110, 8.6).
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
    bool in_trailer_ = false; ///< the header is complete: fields that follow are trailer fields
};

class answer_reader {
public:
    /// All that is not body, in bytes: status lines, header fields and trailer fields, of the answer and of interim answers, and
    /// what chunks carry beyond their data and their sizes.
    static constexpr std::size_t most_overhead = 64 * 1024;
    /// Interim answers before the answer.
    static constexpr int most_interim = 16;

    /// `to_head`: of a request with the method HEAD, whose answer has no body. `longest_body` in bytes.
    answer_reader(bool to_head, std::size_t longest_body);

    /// Takes bytes in the order of their arrival, and returns how many it used. The caller gives the others again, with those
    /// that follow them. Not after is_done(). Errors are those of Beast's parser; header_limit and body_limit when a bound is
    /// passed; afterwards the reader must not be used.
    [[nodiscard]] std::size_t put(std::string_view bytes, boost::system::error_code& ec);
    /// The server ended the connection: completes an answer whose body lasts until then; an error for every other.
    void put_end(boost::system::error_code& ec);

    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    /// Whether the server keeps the connection. After is_done().
    [[nodiscard]] bool keeps_connection() const;
    /// The answer. Once, after is_done().
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
