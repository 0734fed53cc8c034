// SPDX-License-Identifier: MPL-2.0
#include "stream.hpp"

#include "answers.hpp"
#include "page_size.hpp"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

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

/// Waits for the next piece and returns whether another one follows, as exchanger::next_piece() does. `in_use`: the memory of the piece
/// before it.
asio::awaitable<result<bool>> end_piece(const stream_target& target, const piece_ahead& ahead, std::size_t in_use) {
    co_await target.shared.dispatch.end_piece(target.to.get_executor(), ahead);
    auto& made = *ahead.made;
    if (made.more && !target.memory.grow_to(in_use + made.text.capacity() + memory_of_zlib(made.one->answer))) {
        target.shared.metrics.request_rejected("memory");
        made.one->facts.error = "too many responses are waiting to be read";
        made.more = service_unavailable();
    }
    co_return made.more;
}

/// Why the client did not receive the rest of the response.
std::string_view reason_of(const http::stream& to) {
    if (to.expired()) return "timeout";
    return to.is_open() ? "client" : "stop";
}

/// Resets the connection, so that the client can tell that the response is incomplete, and notes why.
void cut_short(const stream_target& target, request_facts& facts, std::string_view reason) {
    if (facts.cut.empty()) facts.cut = reason;
    target.to.reset(); // also with chunks: some clients that read lines take a missing last chunk for the end (Python's http.client)
}

} // namespace

std::size_t memory_of_stream(const response& answer) { return usual_piece + memory_of_zlib(answer); }

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
    cut_short(target, one.facts, how == written::refused ? reason_of(target.to) : "server");
    co_return false;
}

asio::awaitable<bool> write_stream(stream_target target, const http::response_head& head, std::shared_ptr<exchange> one) {
    const bool chunked = head.is_chunked();
    auto ec = co_await write_head(target, head);
    auto piece = std::move(one->answer.body);
    std::string spare;
    result<bool> more = true;
    while (!ec && more && *more) {
        const auto ahead = target.shared.dispatch.begin_piece(target.to.get_executor(), one, std::move(spare));
        ec = co_await write_piece(target, piece, chunked);
        if (ec) {
            cut_short(target, one->facts, reason_of(target.to)); // now, because the job may take long
            ahead.made->is_wanted = false;
        } else {
            target.to.expire_never(); // no operation is pending on the connection until the piece is made
        }
        more = co_await end_piece(target, ahead, piece.capacity());
        spare = std::exchange(piece, std::move(ahead.made->text));
    }
    if (!ec && more) ec = co_await write_piece(target, piece, chunked);
    if (!ec && !more && !is_failure_here(more.error().code)) one->facts.cut = "token";
    const auto how = ec ? written::refused : more ? written::whole : written::unmade;
    co_return co_await end_stream(target, *one, chunked, how);
}

} // namespace ctms::web
