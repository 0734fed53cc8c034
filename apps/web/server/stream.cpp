// SPDX-License-Identifier: MPL-2.0
#include "stream.hpp"

#include "background.hpp"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <string_view>

namespace ctms::web {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

asio::awaitable<error_code> write(const stream_target& target, std::array<asio::const_buffer, 3> parts) {
    target.to.expire_after(target.write_time);
    co_return co_await target.to.write(parts);
}

/// The memory that zlib holds between pieces (https://zlib.net/zlib_tech.html: about 256 KiB).
std::size_t memory_of_zlib(const response& answer) {
    const auto& headers = answer.headers;
    const bool compressed = std::any_of(headers.begin(), headers.end(), [](const auto& one) { return one.first == "Content-Encoding"; });
    return compressed ? std::size_t{256 * 1024} : 0;
}

/// Makes the next piece and returns whether another one follows, or nullopt if the piece could not be made. `in_use`: the memory of the
/// piece before it.
asio::awaitable<std::optional<bool>> make_piece(const stream_target& target, exchange& one, std::string& piece, std::size_t in_use) {
    auto more = co_await target.shared.dispatch.next_piece(target.to.get_executor(), one, piece);
    if (more && !target.memory.grow_to(in_use + piece.capacity() + memory_of_zlib(one.answer))) {
        target.shared.metrics.request_rejected("memory");
        one.facts.error = "too many responses are waiting to be read";
        more = std::nullopt;
    }
    co_return more;
}

/// Why the client did not receive the rest of the response.
std::string_view reason_of(const http::stream& to) {
    if (to.expired()) return "timeout";
    return to.is_open() ? "client" : "stop";
}

} // namespace

asio::awaitable<error_code> write_head(const stream_target& target, const http::response_head& head) {
    const auto text = head.text();
    const std::array<asio::const_buffer, 3> parts{asio::buffer(text)};
    co_return co_await write(target, parts);
}

// In parts with the full time limit of a response each, so that the speed at which a client must read does not depend on the size of the
// pieces.
asio::awaitable<error_code> write_piece(const stream_target& target, std::string_view piece, bool chunked) {
    constexpr std::size_t largest = 64 * 1024;
    error_code ec;
    while (!piece.empty() && !ec) { // an empty chunk would mark the end of the body
        const auto part = piece.substr(0, largest);
        piece.remove_prefix(part.size());
        // RFC 9112, 7.1: the size in hexadecimal digits before a chunk, a line end after both.
        const auto size = chunked ? fmt::format("{:x}\r\n", part.size()) : std::string();
        const std::string_view end = chunked ? "\r\n" : "";
        const std::array<asio::const_buffer, 3> parts{asio::buffer(size), asio::buffer(part), asio::buffer(end)};
        ec = co_await write(target, parts);
    }
    co_return ec;
}

asio::awaitable<bool> end_stream(const stream_target& target, exchange& one, bool chunked, written how) {
    if (how == written::whole && chunked) {
        constexpr std::string_view last_chunk = "0\r\n\r\n";
        const std::array<asio::const_buffer, 3> last{asio::buffer(last_chunk)};
        if (co_await write(target, last)) how = written::refused;
    }
    if (how == written::whole) co_return true;
    one.facts.cut = how == written::refused ? reason_of(target.to) : "server";
    target.to.reset(); // also with chunks: some clients that read lines take a missing last chunk for the end (Python's http.client)
    co_return false;
}

asio::awaitable<bool> write_stream(stream_target target, const http::response_head& head, exchange& one) {
    const bool chunked = head.is_chunked();
    auto ec = co_await write_head(target, head);
    auto piece = std::move(one.answer.body);
    std::string next;
    std::optional<bool> more = true;
    while (!ec && more && *more) {
        next.clear();
        background<std::optional<bool>> making(target.to.get_executor(), make_piece(target, one, next, piece.capacity()));
        std::exception_ptr failed;
        try {
            ec = co_await write_piece(target, piece, chunked);
        } catch (...) {
            failed = std::current_exception();
        }
        if (!ec) target.to.expire_never(); // no operation is pending on the connection until the piece is made
        more = co_await making.end();
        if (failed) std::rethrow_exception(failed);
        piece.swap(next);
    }
    if (!ec && more) ec = co_await write_piece(target, piece, chunked);
    const auto how = ec ? written::refused : more ? written::whole : written::unmade;
    co_return co_await end_stream(target, one, chunked, how);
}

} // namespace ctms::web
