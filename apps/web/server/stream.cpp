// SPDX-License-Identifier: MPL-2.0
#include "stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace ctms::web {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::steady_clock;

auto into(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// Runs `job` on a thread of the lane and goes on behind it. False, without running it, when too many wait there.
template <class Job>
asio::awaitable<bool> run_on_lane(asio::any_io_executor here, lanes& threads, lane where, const Job& job) {
    bool accepted = true;
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
        [&](auto resume) {
            // The guard keeps the sockets' thread running while all it waits for is this job.
            const auto go_on = [work = asio::make_work_guard(here), shared_resume = std::make_shared<decltype(resume)>(std::move(resume))] {
                asio::post(work.get_executor(), [shared_resume] { std::move (*shared_resume)(); });
            };
            accepted = threads.submit(where, [&job, go_on] {
                job();
                go_on();
            });
            if (!accepted) go_on();
        },
        asio::use_awaitable);
    co_return accepted;
}

/// Has the next piece made. While too many wait for the lane it stands back: what is under way already can wait best.
asio::awaitable<std::optional<bool>> make_piece(const stream_target& to, exchange& one, std::string& piece) {
    constexpr std::chrono::milliseconds pause{50};
    const auto until = steady_clock::now() + to.shared.bounds.waiting_time;
    std::optional<bool> more;
    const auto job = [&] { more = to.shared.exchanges.next_piece(one, piece); };
    while (!co_await run_on_lane(to.socket.get_executor(), to.shared.threads, one.matched->where, job)) {
        if (steady_clock::now() > until) {
            to.shared.metrics.request_rejected("busy");
            one.facts.error = "too many requests wait";
            break;
        }
        asio::steady_timer timer(to.socket.get_executor(), pause);
        error_code ignored;
        co_await timer.async_wait(into(ignored));
    }
    co_return more;
}

/// Writes a piece in parts that each have the time of an answer: the least that a client must read does not follow from how
/// large pieces are.
asio::awaitable<error_code> write_piece(const stream_target& to, std::string_view piece, bool chunked) {
    constexpr std::size_t largest = 64 * 1024;
    error_code ec;
    while (!piece.empty() && !ec) { // an empty chunk would be the last one
        const auto part = asio::const_buffer(piece.data(), std::min(piece.size(), largest));
        to.time.arm(to.shared.bounds.write_time);
        if (chunked) {
            co_await asio::async_write(to.socket, http::make_chunk(part), into(ec));
        } else {
            co_await asio::async_write(to.socket, part, into(ec));
        }
        piece.remove_prefix(part.size());
    }
    to.time.disarm();
    co_return ec;
}

/// Why the client did not get the rest.
std::string_view reason_of(const stream_target& to) {
    if (to.time.passed()) return "timeout";
    return to.socket.is_open() ? "client" : "stop";
}

/// Without chunks the end of the connection is the end of the answer: only a reset tells that there should have been more.
void reset(asio::ip::tcp::socket& socket) {
    error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
}

} // namespace

asio::awaitable<bool> write_stream(stream_target to, stream_head& head, exchange& one) {
    const bool chunked = head.chunked();
    http::response_serializer<http::empty_body> first(head);
    error_code ec;
    to.time.arm(to.shared.bounds.write_time);
    co_await http::async_write_header(to.socket, first, into(ec));
    auto piece = std::move(one.answer.body);
    std::optional<bool> more = true;
    while (!ec) {
        ec = co_await write_piece(to, piece, chunked);
        if (ec || !*more) break;
        piece.clear();
        more = co_await make_piece(to, one, piece);
        if (!more) break;
    }
    if (!ec && more && chunked) {
        to.time.arm(to.shared.bounds.write_time);
        co_await asio::async_write(to.socket, http::make_chunk_last(), into(ec));
    }
    to.time.disarm();
    if (!ec && more) co_return true;
    one.facts.cut = ec ? reason_of(to) : "server";
    if (!chunked) reset(to.socket);
    co_return false;
}

} // namespace ctms::web
